package contract

import (
	"strings"
	"testing"
)

func TestProbableRenames(t *testing.T) {
	old := parse(t, one(base))
	renamed := func(edits ...string) *Contract {
		text := base
		for i := 0; i < len(edits); i += 2 {
			if !strings.Contains(text, edits[i]) {
				t.Fatalf("the base holds no %q", edits[i])
			}
			text = strings.Replace(text, edits[i], edits[i+1], 1)
		}
		return parse(t, one(text))
	}
	amount := "  field \"amount\" {\n    salesforce = Amount\n    monday     = numbers.amount\n    owner      = salesforce\n    sensitive  = \"financial\"\n  }\n"
	other := "  field \"probability\" {\n    salesforce = Probability\n    monday     = numbers.probability\n    owner      = salesforce\n    sensitive  = \"financial\"\n  }\n"
	text := "  field \"probability\" {\n    salesforce = Probability\n    monday     = text.probability\n    owner      = salesforce\n    sensitive  = \"financial\"\n  }\n"
	body := []string{`"Won at ${after.amount}."`, `"Won."`}
	for name, c := range map[string]struct {
		new  *Contract
		want []string // addresses in the messages
	}{
		"nothing changed":      {renamed(), nil},
		"a field went":         {renamed(append(body, amount, "", "sensitive.financial", "object.deal.field.name")...), nil},
		"a field came":         {renamed(amount, amount+other), nil},
		"another type came":    {renamed(append(body, amount, text)...), nil},
		"same type":            {renamed(append(body, amount, other)...), []string{"object.deal.field.amount", "object.deal.field.probability"}},
		"same column":          {renamed(append(body, `field "amount"`, `field "value"`)...), []string{"object.deal.field.amount", "object.deal.field.value"}},
		"said with moved":      {renamed(append(body, `field "amount"`, `field "value"`, `policy "money"`, "moved {\n  from = object.deal.field.amount\n  to   = object.deal.field.value\n}\npolicy \"money\"")...), nil},
		"said with removed":    {renamed(append(body, amount, other, `policy "money"`, "removed {\n  from = object.deal.field.amount\n  action = forget\n}\npolicy \"money\"")...), nil},
		"an object":            {renamed(`object "client"`, `object "customer"`, "object.client", "object.customer"), []string{"object.client", "object.customer"}},
		"an object, elsewhere": {renamed(`object "client"`, `object "customer"`, "object.client", "object.customer", `"Account"`, `"Contact"`, `"Clients"`, `"People"`), nil},
	} {
		diags := ProbableRenames(old, c.new)
		if len(diags) != len(c.want)/2 {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		for i, d := range diags {
			from, to := c.want[2*i], c.want[2*i+1]
			blocks := []string{
				"moved {\n  from = " + from + "\n  to   = " + to + "\n}",
				"removed {\n  from   = " + from + "\n  action = forget\n}",
			}
			for _, b := range blocks {
				if !strings.Contains(d.Detail, b) || CodeOf(d) != codeProbableRename {
					t.Errorf("%s: no ready block %q in %q", name, b, d.Detail)
				}
			}
		}
	}
}

// What a message offers to paste is a contract without that mistake.
func TestProbableRenamePastes(t *testing.T) {
	old := parse(t, one(base))
	text := strings.Replace(strings.Replace(base, `field "amount"`, `field "value"`, 1), "after.amount", "after.value", 1)
	diags := ProbableRenames(old, parse(t, one(text)))
	if len(diags) != 1 {
		t.Fatal(diags)
	}
	for _, block := range []string{"moved {", "removed {"} {
		from := strings.Index(diags[0].Detail, block)
		to := from + strings.Index(diags[0].Detail[from:], "}") + 1
		pasted := parse(t, one(text+"\n"+diags[0].Detail[from:to]+"\n"))
		if again := ProbableRenames(old, pasted); len(again) > 0 {
			t.Errorf("%s pasted: %v", block, again)
		}
	}
}
