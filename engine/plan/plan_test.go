package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/lens"
	"accord/engine/record"
	"accord/engine/resource"
)

func want(address string, managed bool, attributes map[string]any, dependsOn ...string) resource.Resource {
	return resource.Resource{Address: address, Connection: "c", Kind: "field", Name: address, Managed: managed, Attributes: attributes, DependsOn: dependsOn}
}

func have(address, id string, attributes map[string]any) resource.Resource {
	r := want(address, true, attributes)
	r.ID = id
	return r
}

func TestStructure(t *testing.T) {
	text := map[string]any{"type": "text"}
	known := map[string]resource.Resource{"b": have("b", "2", nil), "gone": have("gone", "9", nil)}
	for _, c := range []struct {
		name    string
		want    resource.Resource
		have    []resource.Resource
		known   map[string]resource.Resource
		action  resource.Action
		differs []string
		blocked bool
	}{
		{name: "missing and managed", want: want("a", true, text), action: resource.Create},
		{name: "missing and not managed", want: want("a", false, nil), blocked: true},
		{name: "there and known", want: want("b", true, text), have: []resource.Resource{have("b", "2", text)}, known: known, action: resource.NoOp},
		{name: "there and not known", want: want("a", true, text), have: []resource.Resource{have("a", "1", text)}, action: resource.Adopt},
		{name: "there and not managed", want: want("a", false, nil), have: []resource.Resource{have("a", "1", text)}, action: resource.Read},
		{name: "another attribute is nobody's business", want: want("b", true, text), known: known, action: resource.NoOp,
			have: []resource.Resource{have("b", "2", map[string]any{"type": "text", "title": "mine"})}},
		{name: "an attribute differs", want: want("b", true, text), known: known, action: resource.Update, differs: []string{"type"},
			have: []resource.Resource{have("b", "2", map[string]any{"type": "date"})}},
		{name: "an option is missing", want: want("b", true, map[string]any{"labels": []string{"Won", "Lost"}}), known: known, action: resource.Update, differs: []string{"labels"},
			have: []resource.Resource{have("b", "2", map[string]any{"labels": []any{"Lost", "Own"}})}},
		{name: "more options than asked for", want: want("b", true, map[string]any{"labels": []string{"Lost"}}), known: known, action: resource.NoOp,
			have: []resource.Resource{have("b", "2", map[string]any{"labels": []any{"Own", "Lost"}})}},
		{name: "one colour of many differs", want: want("b", true, map[string]any{"colors": map[string]string{"Won": "green", "Lost": "red"}}), known: known,
			action: resource.Update, differs: []string{"colors.Lost"},
			have: []resource.Resource{have("b", "2", map[string]any{"colors": map[string]any{"Won": "green", "Lost": "blue", "Own": "grey"}})}},
		{name: "not managed and not as needed", want: want("a", false, text), action: resource.Update, differs: []string{"type"}, blocked: true,
			have: []resource.Resource{have("a", "1", map[string]any{"type": "date"})}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes, blocked := structure([]resource.Resource{c.want}, c.have, c.known)
			if (len(blocked) > 0) != c.blocked {
				t.Errorf("blocked: %+v", blocked)
			}
			var action resource.Action
			var differs []string
			for _, ch := range changes {
				action = ch.Action
				for _, d := range ch.Differences {
					differs = append(differs, d.Path)
				}
			}
			if action != c.action || !cmp.Equal(differs, c.differs) {
				t.Errorf("%s %v, want %s %v", action, differs, c.action, c.differs)
			}
		})
	}
}

func TestStepsComeAfterWhatTheyDependOn(t *testing.T) {
	list := ordered([]resource.Resource{
		want("a/label", true, nil, "z/board"), want("b", true, nil, "a/label"), want("z/board", true, nil, "y/workspace"), want("y/workspace", true, nil),
		want("loop/1", true, nil, "loop/2"), want("loop/2", true, nil, "loop/1"),
	})
	var got []string
	for _, r := range list {
		got = append(got, r.Address)
	}
	if d := cmp.Diff([]string{"y/workspace", "z/board", "a/label", "b", "loop/2", "loop/1"}, got); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoLongerAskedForIsForgotten(t *testing.T) {
	got := forgotten([]resource.Resource{want("a", true, nil)}, map[string]resource.Resource{"a": have("a", "1", nil), "z": have("z", "3", nil), "b": have("b", "2", nil)})
	if len(got) != 2 || got[0].Want.Address != "b" || got[1].Want.Address != "z" || got[0].Action != resource.Forget {
		t.Errorf("%+v", got)
	}
}

const small = `
connection "salesforce" "crm" {
  url = "https://acme.my.salesforce.com"
  oauth "client_credentials" {
    client_id     = secret::env("ID")
    client_secret = secret::env("SECRET")
  }
}
connection "monday" "work" {
  token = secret::env("TOKEN")
}
object "client" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Account"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Clients"
    key        = text.salesforce_id
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = OWNER
  }
}
`

func parse(t *testing.T, text string) *contract.Contract {
	t.Helper()
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "a.accord.hcl", Content: []byte(text)}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

func TestAChangeOfOwnerHasALineOfItsOwn(t *testing.T) {
	with := func(owner string) *contract.Contract {
		return parse(t, strings.ReplaceAll(small, "OWNER", owner))
	}
	changes, owners := rules(with("monday"), with("salesforce"))
	if len(changes) != 1 || changes[0].Address != "object.client.field.name" || changes[0].Action != resource.Update {
		t.Errorf("changes: %+v", changes)
	}
	if len(owners) != 1 || owners[0].Before != "salesforce" || owners[0].After != "monday" || owners[0].Source != "a.accord.hcl:23" {
		t.Errorf("owners: %+v", owners)
	}
	if changes, owners := rules(with("monday"), with("monday")); len(changes)+len(owners) > 0 {
		t.Errorf("the same contract differs from itself: %+v %+v", changes, owners)
	}
	if changes, _ := rules(with("monday"), nil); len(changes) < 4 {
		t.Errorf("against nothing only %d rules are new", len(changes))
	}
}

func TestTheDigestIsOfWhatApplyWouldDo(t *testing.T) {
	seal := func(change func(*Plan)) string {
		p := &Plan{
			ContractDigest: "c",
			Structure:      []resource.Change{{Action: resource.Create, Want: want("a", true, map[string]any{"type": "text", "z": 1.0, "b": true})}},
			Rules:          []RuleChange{{Action: resource.Create, Address: "object.a", Kind: "object", Source: "x:1"}},
			Data:           []Forecast{{Object: "a", Basis: BasisExact, Creates: [2]int{1, 2}}},
		}
		change(p)
		if err := p.seal(); err != nil {
			t.Fatal(err)
		}
		return p.Digest
	}
	same := seal(func(*Plan) {})
	for name, change := range map[string]func(*Plan){
		"counts of records": func(p *Plan) { p.Data[0].Creates[1] = 99 },
		"samples":           func(p *Plan) { p.Data[0].Samples = []Sample{{ID: "1"}} },
		"source lines":      func(p *Plan) { p.Rules[0].Source = "x:2" },
		"what is as wanted": func(p *Plan) {
			p.Structure = append(p.Structure, resource.Change{Action: resource.NoOp, Want: want("n", true, nil)})
		},
	} {
		if seal(change) != same {
			t.Errorf("%s moved the digest", name)
		}
	}
	for name, change := range map[string]func(*Plan){
		"another contract":  func(p *Plan) { p.ContractDigest = "d" },
		"another step":      func(p *Plan) { p.Structure[0].Action = resource.Update },
		"another attribute": func(p *Plan) { p.Structure[0].Want.Attributes["type"] = "date" },
		"another rule":      func(p *Plan) { p.Rules[0].Address = "object.b" },
		"a block":           func(p *Plan) { p.Blocked = []Block{{Address: "a", Reason: "no"}} },
	} {
		if seal(change) == same {
			t.Errorf("%s did not move the digest", name)
		}
	}
}

// What can be chosen and is in no row of a picklist table is named before a record is rejected for it, on the side whose
// choices count, and only there.
func TestGapsOfATableAreNamed(t *testing.T) {
	table := &contract.Picklist{Name: "stage", Values: []contract.PicklistEntry{{Left: "Won", Right: "Done"}}}
	object := &contract.Object{Name: "deal"}
	said := func(owner contract.Owner, keep bool) []string {
		of := *table
		of.Keep = keep
		f := &contract.Field{Name: "stage", Object: object, Owner: owner, Picklist: &of, Ends: [2][]contract.NativeField{{{Name: "StageName"}}, {{Name: "stage"}}}}
		l, problems := lens.New(f, [2][]record.Shape{
			{{Kind: record.Choice, Options: []string{"Won", "Lost", "Open"}}}, {{Kind: record.Choice, Options: []string{"Done", "Stuck"}}},
		})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		var p Plan
		p.gaps([]*binding.Object{{Object: &contract.Object{Name: "deal", Fields: []*contract.Field{f}}, Lenses: map[string]*lens.Lens{"stage": l}}})
		return p.Warnings
	}
	if got := said(contract.OwnerLeft, false); len(got) != 1 || !strings.Contains(got[0], `salesforce: "Lost", "Open"`) {
		t.Errorf("owned by salesforce: %q", got)
	}
	if got := said(contract.OwnerRight, false); len(got) != 1 || !strings.Contains(got[0], `monday: "Stuck"`) {
		t.Errorf("owned by monday: %q", got)
	}
	if got := said(contract.OwnerEither, false); len(got) != 2 {
		t.Errorf("owned by either: %q", got)
	}
	if got := said(contract.OwnerEither, true); len(got) != 0 {
		t.Errorf("what is not listed is kept: %q", got)
	}
}
