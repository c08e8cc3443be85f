package salesforce

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/engine/resource"
)

func tierSpec(extends bool, tiers ...string) provider.ObjectSpec {
	return provider.ObjectSpec{Object: "client", Connection: conn, Settings: map[string]string{"sobject": "Account"},
		Fields: []provider.FieldSpec{{Field: "tier", Type: "picklist", Name: "Tier__c", Title: "Tier", Writes: true, Options: tiers, Extends: extends, Scale: -1}}}
}

// Values of a set that other fields use too are added only where the contract says so, and the plan says whom it touches.
func TestGlobalValueSets(t *testing.T) {
	o := newOrg(t)
	if _, err := o.p.createTooling(t.Context(), "GlobalValueSet", "test", object{{"FullName", "Tiers"}, {"Metadata", object{{"masterLabel", "Tiers"}, {"sorted", false},
		{"customValue", []object{{{"fullName", "Gold"}, {"valueName", "Gold"}, {"label", "Gold"}, {"default", false}}}}}}}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"Account", "Contact"} {
		if err := o.DefineField(at, "Tier__c", `{"type":"Picklist","label":"Tier","valueSet":{"restricted":true,"valueSetName":"Tiers"}}`, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, done := o.apply(t, tierSpec(false, "Gold")); slices.Contains(done, "update sobject/Account/field/Tier__c") {
		t.Errorf("nothing is missing, and apply does %q", done)
	}
	_, err := o.p.Describe(t.Context(), expand(t, tierSpec(false, "Gold", "Platinum")))
	if e := asPort(t, err); e.Kind != provider.Invalid || !strings.Contains(e.Message, "global value set Tiers, used by") || !strings.Contains(e.Message, "lacks Platinum") {
		t.Errorf("error = %v", e)
	}
	want := expand(t, tierSpec(true, "Gold", "Platinum"))
	i := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Kind == kindField })
	differences := resource.Differ(want[i], o.describe(t, want)[want[i].Address])
	if len(differences) != 2 || differences[0].Path != "options" || differences[1].Path != sharedValues || !strings.HasPrefix(differences[1].Before.(string), "global value set Tiers") {
		t.Errorf("differs in %+v", differences)
	}
	if _, done := o.apply(t, tierSpec(true, "Gold", "Platinum")); !cmp.Equal(done, []string{"update sobject/Account/field/Tier__c"}) {
		t.Errorf("done: %q", done)
	}
	if _, again := o.apply(t, tierSpec(true, "Gold", "Platinum")); len(again) > 0 {
		t.Errorf("a second apply does %q", again)
	}
	d, err := o.p.client.describe(t.Context(), "Contact")
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := d.field("Tier__c"); !cmp.Equal(f.options(), []string{"Gold", "Platinum"}) {
		t.Errorf("the other field of the set offers %q", f.options())
	}
}

// An org that tells its dependencies is asked for them; one that does not is not made up.
func TestUsersOfAValueSet(t *testing.T) {
	const set, ours = "0Nt000000000001AAA", "00N000000000001AAA"
	tests := map[string]struct {
		rows []any // nil = the org does not tell
		want string
	}{
		"others":      {[]any{map[string]any{"MetadataComponentId": ours, "MetadataComponentName": "Tier__c"}, map[string]any{"MetadataComponentId": "00N000000000003AAA", "MetadataComponentName": "Rank__c"}, map[string]any{"MetadataComponentId": "00N000000000002AAA", "MetadataComponentName": "Grade__c"}}, "by Grade__c, Rank__c too"},
		"none":        {[]any{map[string]any{"MetadataComponentId": ours[:15], "MetadataComponentName": "Tier__c"}}, "by no other field"},
		"not telling": {nil, "by fields that the org does not tell"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newFakeOrg(t, func(w http.ResponseWriter, r *http.Request, _ string) {
				q := r.URL.Query().Get("q")
				switch {
				case strings.Contains(q, "FROM GlobalValueSet"):
					writeJSON(w, 200, map[string]any{"totalSize": 1, "done": true, "records": []any{map[string]any{"Id": set}}})
				case strings.HasSuffix(r.URL.Path, "/GlobalValueSet/"+set):
					writeJSON(w, 200, map[string]any{"Metadata": map[string]any{"customValue": []any{}}})
				case test.rows == nil:
					refuse(w, 400, "INVALID_TYPE", "sObject type 'MetadataComponentDependency' is not supported.")
				default:
					writeJSON(w, 200, map[string]any{"totalSize": json.Number("3"), "done": true, "records": test.rows})
				}
			})
			if got, err := o.provider(t).usersOf(t.Context(), "Tiers", ours); err != nil || got != test.want {
				t.Errorf("usersOf = %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
