package metadata

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestBuiltinParses(t *testing.T) {
	objs, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	seen, prefixes := map[string]*Object{}, map[string]string{}
	for _, o := range objs {
		if prefixes[o.KeyPrefix] != "" {
			t.Errorf("%s and %s share the prefix %s", o.Name, prefixes[o.KeyPrefix], o.KeyPrefix)
		}
		seen[o.Name], prefixes[o.KeyPrefix] = o, o.Name
	}
	for _, name := range []string{"Account", "Contact", "Opportunity", "Lead", "Case", "Task", "Event", "User", "Organization", "RecordType", "Product2", "PermissionSet", "FieldPermissions"} {
		if seen[name] == nil {
			t.Errorf("%s is not built in", name)
		}
	}
	if f := seen["Opportunity"].Field("stagename"); f == nil || f.Nillable || f.Permissionable || len(f.Picklist) != 10 {
		t.Errorf("Opportunity.StageName = %+v", f)
	}
}

// Every built-in field that a recorded describe also has must be of the same type, length, scale and nillability.
func TestBuiltinAgainstRecordedDescribes(t *testing.T) {
	dir := "../../../../../../shared/reference/fixtures/salesforce"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded describes are not on this machine")
	}
	objs, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Object{}
	for _, o := range objs {
		byName[o.Name] = o
	}
	type describe struct {
		Name   string `json:"name"`
		Fields []struct {
			Name                                                         string `json:"name"`
			Type                                                         string `json:"type"`
			Length, Precision, Scale                                     int
			Nillable, Createable, Updateable, Permissionable, Calculated bool
			ReferenceTo                                                  []string
			RelationshipName                                             string
			CompoundFieldName                                            string
		} `json:"fields"`
	}
	for _, file := range []string{"swiftly/MockAccountMetadata.json", "grouparoo/Contact-describe-v42.json", "grouparoo/Lead-describe-v42.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var d describe
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, want := range d.Fields {
			got := byName[d.Name].Field(want.Name)
			if got == nil {
				continue
			}
			compared++
			if got.Type != want.Type || got.Nillable != want.Nillable || got.Createable != want.Createable || got.Updateable != want.Updateable ||
				(want.Type == "reference" && got.RelationshipName != want.RelationshipName) {
				t.Errorf("%s.%s: %s nillable=%v c=%v u=%v rel=%s; recorded: %s nillable=%v c=%v u=%v rel=%s", d.Name, want.Name,
					got.Type, got.Nillable, got.Createable, got.Updateable, got.RelationshipName, want.Type, want.Nillable, want.Createable, want.Updateable, want.RelationshipName)
			}
			if got.IsText() && got.Type != "picklist" && got.Length != want.Length {
				t.Errorf("%s.%s: length %d; recorded %d", d.Name, want.Name, got.Length, want.Length)
			}
		}
		if compared < 40 {
			t.Errorf("%s: only %d fields compared", d.Name, compared)
		}
	}
}
