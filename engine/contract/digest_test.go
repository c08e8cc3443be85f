package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Spelling, order and what is spent once applied leave the digest alone.
func TestDigestIsStable(t *testing.T) {
	want := parse(t, one(base)).Digest()
	if !strings.HasPrefix(want, "sha256:") || len(want) != 71 {
		t.Fatalf("the digest is %q", want)
	}
	split := func() Source { // each block in a file of its own, in the opposite order
		parsed, diags := hclsyntax.ParseConfig([]byte(base), "base", start)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var src Source
		blocks := parsed.Body.(*hclsyntax.Body).Blocks
		for i, b := range blocks {
			src.Files = append(src.Files, File{
				Name:    say("%02d.accord.hcl", len(blocks)-i),
				Content: []byte(base[b.TypeRange.Start.Byte:b.CloseBraceRange.End.Byte] + "\n"),
			})
		}
		return src
	}
	edit := func(old, new string) Source {
		if !strings.Contains(base, old) {
			t.Fatalf("the base holds no %q", old)
		}
		return one(strings.Replace(base, old, new, 1))
	}
	spent := base[:strings.Index(base, "removed {")]
	for name, src := range map[string]Source{
		"the same again":      one(base),
		"comments":            one("# one\n/* two */\n" + strings.ReplaceAll(base, "owner      = salesforce", "owner = salesforce // three")),
		"a byte order mark":   one("\xef\xbb\xbf" + base),
		"carriage returns":    one(strings.ReplaceAll(base, "\n", "\r\n")),
		"spacing":             one(strings.ReplaceAll(base, " == ", "   ==  ")),
		"one file a block":    split(),
		"spent changes":       one(spent),
		"a default said":      edit(`guard {`, "lifecycle {\n    protect = false\n  }\n  guard {"),
		"another default":     edit(`token          = `, "api_version = \"2026-10\"\n  token = "),
		"another file name":   {Files: []File{{Name: "x.accord.hcl", Content: []byte(base)}}},
		"the variable filled": edit("Amount >= ${var.floor}", "Amount >= 0"),
		"the version":         edit(`">= 0.1.0"`, `">= 0.0.9"`),
	} {
		if got := parse(t, src).Digest(); got != want {
			t.Errorf("%s: the digest changes", name)
		}
	}
	when := `when = before.stage != "Closed Won" && after.stage == "Closed Won"`
	brackets := parse(t, edit(when, `when = (before.stage != "Closed Won" &&  after.stage == "Closed Won")`)).Digest()
	broken := parse(t, edit(when, "when = ( # won\n before.stage != \"Closed Won\" /* now */ && after.stage == \"Closed Won\"\n)")).Digest()
	if brackets != broken {
		t.Error("a comment or a line break within a condition changes the digest")
	}
}

// Everything that changes what sync does changes the digest, and one rule at least.
func TestDigestTells(t *testing.T) {
	seen := map[string]string{parse(t, one(base)).Digest(): "the base"}
	before := ruleTexts(parse(t, one(base)))
	for _, c := range []struct{ old, new, address string }{
		{"on_drift   = revert", "on_drift   = ignore", "object.deal.field.stage"},
		{"owner      = either\n    conflict   = newest", "owner      = monday", "object.deal.field.next_step"},
		{"conflict   = newest", "conflict   = hold", "object.deal.field.next_step"},
		{`settle     = "20s"`, `settle     = "21s"`, "object.deal.field.next_step"},
		{`"Europe/Berlin"`, `"Europe/Paris"`, "object.deal.field.kickoff"},
		{`lossy      = ["time"]`, ``, "object.deal.field.kickoff"},
		{`"financial"` + "\n", `"financial2"` + "\n", "object.deal.field.amount"},
		{"picklist   = picklist.stage\n", "", "object.deal.field.stage"},
		{"unmatched = report", "unmatched = skip", "object.deal.field.manager"},
		{"unmatched = report", `unmatched = "a@b.example"`, "object.deal.field.manager"},
		{"monday     = numbers.amount", "monday     = numbers.sum", "object.deal.field.amount"},
		{"monday     = numbers.amount", "monday     = amount", "object.deal.field.amount"},
		{`"Closed Won"    = "Won"`, `"Closed Won" = "Won"` + "\n" + `"Closed Lost"    = "Lost"`, "picklist.stage"},
		{`"Open" = "Prospecting"`, `"Open" = "Qualification"`, "picklist.stage"},
		{"done_green", "grass_green", "picklist.stage"},
		{"inverse = {", "unlisted = \"keep\"\n  inverse = {", "picklist.stage"},
		{`default = 0`, `default = 1`, "object.deal"},
		{`board      = "Deals"`, `board      = "Deals 2"`, "object.deal"},
		{"match = [name]", "match = [name, amount]", "object.deal"},
		{"  guard {", "  lifecycle {\n    protect = true\n  }\n  guard {", "object.deal"},
		{"monday     = keep", "monday     = delete", "object.deal.delete"},
		{"max_deletes = 20", "max_deletes = 21", "object.deal.guard"},
		{"max_deletes = 20", "max_deletes = 20\n    canary = \"0065g00000AbCdEAAV\"", "object.deal.guard"},
		{`max_changes = "30%"`, `max_changes = 30`, "object.deal.guard"},
		{`when = after.stage == "Closed Won"` + "\n", "", "object.deal.create.monday"},
		{`create "monday" {` + "\n    when = after.stage == \"Closed Won\"\n  }\n", "", "object.deal.create.monday"},
		{`"Won at ${after.amount}."`, `"Won at  ${after.amount}."`, "trigger.kickoff"},
		{`before.stage != "Closed Won"`, `before.stage != "Prospecting"`, "trigger.kickoff"},
		{"allow_owner = [salesforce]", "allow_owner = [salesforce, either]", "policy.money"},
		{`secret::env("MONDAY_TOKEN")`, `secret::env("MONDAY_TOKEN_2")`, "connection.monday.work"},
		{`daily_calls = "40%"`, `daily_calls = "41%"`, "connection.salesforce.crm"},
		{`"integration@acme.example"`, `"other@acme.example"`, "connection.salesforce.crm"},
	} {
		if !strings.Contains(base, c.old) {
			t.Fatalf("the base holds no %q", c.old)
		}
		src := one(strings.Replace(base, c.old, c.new, 1))
		changed, diags := Parse(src)
		if diags.HasErrors() {
			// A label nobody guards any more: take the policy away with it.
			changed = parse(t, one(strings.Replace(strings.Replace(base, c.old, c.new, 1), "sensitive.financial", "sensitive.financial2", 1)))
		}
		digest := changed.Digest()
		if other, twice := seen[digest]; twice {
			t.Errorf("%q: the digest is that of %s", c.new, other)
		}
		seen[digest] = c.new
		after := ruleTexts(changed)
		if cmp.Equal(before[c.address], after[c.address]) {
			t.Errorf("%q: the rule %s does not change", c.new, c.address)
		}
	}
}

func ruleTexts(c *Contract) map[string]map[string]string {
	m := map[string]map[string]string{}
	for _, r := range c.Rules() {
		m[r.Address] = r.Text
	}
	return m
}

func TestRules(t *testing.T) {
	rules := parse(t, complete(t)).Rules()
	var addresses []string
	for _, r := range rules {
		addresses = append(addresses, r.Address)
		if r.Kind == "" || len(r.Text) == 0 || r.Range.Start.Line == 0 {
			t.Errorf("%s is incomplete: %+v", r.Address, r)
		}
	}
	if !slices.IsSorted(addresses) || len(slices.Compact(slices.Clone(addresses))) != len(addresses) {
		t.Errorf("addresses are not in order, or not unique: %v", addresses)
	}
	want := map[string]string{
		"salesforce": "Stage__c", "monday": "status.stage", "owner": "either", "conflict": "hold", "picklist": "stage",
	}
	if diff := cmp.Diff(want, ruleTexts(parse(t, complete(t)))["object.project.field.stage"]); diff != "" {
		t.Errorf("the rule of field stage (-want +got):\n%s", diff)
	}
	when := ruleTexts(parse(t, complete(t)))["object.project.create.monday"]["when"]
	if when != `after.stage == "Signed" && (after.amount >= 1000 || contains(after.tags, "Strategic"))` {
		t.Errorf("the condition reads %s", when)
	}
}
