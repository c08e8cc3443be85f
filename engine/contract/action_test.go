package contract

import (
	"slices"
	"testing"

	"accord/engine/record"
)

func TestWhatAnActionNeeds(t *testing.T) {
	for _, c := range []struct {
		body     string
		constant bool
		needs    [2]bool // beside the item that the comment is on
		fields   []string
		native   []string
	}{
		{`"Hello"`, true, [2]bool{}, nil, nil},
		{`upper("hello")`, true, [2]bool{}, nil, nil},
		{`"at ${now()}"`, false, [2]bool{}, nil, nil},
		{`"by ${record.salesforce_id}"`, false, [2]bool{true, false}, nil, nil},
		{`"${before.amount} to ${after.amount}"`, false, [2]bool{}, []string{"amount"}, nil},
		{`record.salesforce.LeadSource`, false, [2]bool{}, nil, []string{"LeadSource"}},
	} {
		tr := withCondition(t, `after.stage == "Closed Won"`, c.body)
		i := slices.IndexFunc(tr.Actions, func(a Action) bool { return a.Type == "monday_update" })
		a := &tr.Actions[i]
		body := a.Settings["body"]
		if _, ok := body.Constant(); ok != c.constant {
			t.Errorf("%s is constant: %v", c.body, ok)
		}
		for _, side := range record.Sides {
			if body.NeedsID(side) != c.needs[side] {
				t.Errorf("%s needs the id of %s: %v", c.body, Systems[side], body.NeedsID(side))
			}
		}
		if !a.OnRecord() || a.Side() != record.Right || !a.NeedsID(record.Right) || a.NeedsID(record.Left) != c.needs[record.Left] {
			t.Errorf("%s: a comment is on the item", c.body)
		}
		for _, f := range append(c.fields, "stage") {
			if !slices.Contains(tr.Fields(), f) {
				t.Errorf("%s: the trigger looks at %v, not at %s", c.body, tr.Fields(), f)
			}
		}
		for _, n := range c.native {
			if !slices.Contains(tr.Natives(record.Left), n) {
				t.Errorf("%s: the trigger looks at %v, not at %s", c.body, tr.Natives(record.Left), n)
			}
		}
		settings, _, err := a.Render(won(t))
		if c.body == `"by ${record.salesforce_id}"` && (err != nil || settings["body"] != "by 006x") {
			t.Errorf("%s became %q, %v", c.body, settings["body"], err)
		}
	}
}
