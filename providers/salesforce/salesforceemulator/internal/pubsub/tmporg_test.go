package pubsub

import (
	"fmt"
	"testing"
	"encoding/json"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

func TestTmpOrg(t *testing.T) {
	o, err := org.New(org.Options{Seed: 1, Username: "i@acme.example"})
	if err != nil { t.Fatal(err) }
	s := New(Options{Schema: o.Schema(), Seed: 1})
	o.SetSink(s)
	for _, name := range []string{"Account", "Contact", "Opportunity", "Lead", "Task", "User", "Case", "Event"} {
		info, _ := o.Schema().Object(name)
		sch, err := newChangeSchema(info)
		if err != nil { t.Fatal(name, err) }
		var names []string
		for _, f := range sch.fields { names = append(names, f.name) }
		fmt.Println(name, strings.Join(names, " "))
	}
	var d struct{ Fields []recordedField }
	_ = json.Unmarshal(fixture(t, "derived/OpportunityChangeEvent.avsc"), &d)
	info, _ := o.Schema().Object("Opportunity")
	sch, _ := newChangeSchema(info)
	_, got := parseSchema(t, []byte(sch.json))
	docs := map[string]string{}
	for _, f := range got { docs[f.Name] = f.Doc }
	var names []string
	for _, f := range d.Fields { names = append(names, f.Name); if docs[f.Name] != f.Doc { fmt.Println("DIFF", f.Name, f.Doc, docs[f.Name]) } }
	fmt.Println("DERIVED", strings.Join(names, " "))
	fmt.Println(s.schema.Members())
}
