package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"accord/engine/contract"
)

func TestCheck(t *testing.T) {
	usual := contract.Guard{MaxDeletes: 20, MaxChangePercent: 30}
	counted := contract.Guard{MaxDeletes: -1, MaxChanges: 7}
	for _, c := range []struct {
		name  string
		guard contract.Guard
		round Round
		want  Reason
		limit int
	}{
		{"nothing", usual, Round{Seen: NotListed}, "", 0},
		{"deletes at the limit", usual, Round{Paired: 100, Deletes: 20, Seen: NotListed}, "", 0},
		{"one delete more", usual, Round{Paired: 100, Deletes: 21, Seen: NotListed}, MassDelete, 20},
		{"no deletes allowed", contract.Guard{MaxChangePercent: 30}, Round{Deletes: 1, Seen: NotListed}, MassDelete, 0},
		{"deletes without limit", counted, Round{Deletes: 5000, Seen: NotListed}, "", 0},
		{"changes at the percentage", usual, Round{Paired: 1000, Changes: 300, Seen: NotListed}, "", 0},
		{"one change more", usual, Round{Paired: 1000, Changes: 301, Seen: NotListed}, MassChange, 300},
		{"a few of a few", usual, Round{Paired: 3, Changes: 3, Seen: NotListed}, "", 0},
		{"changes counted", counted, Round{Paired: 1000, Changes: 8, Seen: NotListed}, MassChange, 7},
		{"all may change", contract.Guard{MaxDeletes: 20, MaxChangePercent: 100}, Round{Paired: 10, Changes: 900, Seen: NotListed}, "", 0},
		{"approved", usual, Round{Paired: 1000, Changes: 1200, Approved: 1000, Seen: NotListed}, "", 0},
		{"beyond approved", usual, Round{Paired: 1000, Changes: 1251, Approved: 1000, Seen: NotListed}, MassChange, 1250},
		{"left suddenly empty", usual, Round{Known: [2]int{50, 50}, Seen: [2]int{0, 50}}, SideEmpty, 0},
		{"right suddenly empty, and deletes", usual, Round{Known: [2]int{50, 50}, Seen: [2]int{50, 0}, Deletes: 50}, SideEmpty, 0},
		{"nearly all hidden", usual, Round{Known: [2]int{50, 50}, Seen: [2]int{50, 24}, Hidden: [2]int{0, 26}}, SideEmpty, 0},
		{"half of them hidden", usual, Round{Known: [2]int{50, 50}, Seen: [2]int{50, 25}, Hidden: [2]int{0, 25}}, "", 0},
		{"most of them deleted", contract.Guard{MaxDeletes: -1, MaxChangePercent: 30}, Round{Known: [2]int{50, 50}, Seen: [2]int{1, 50}, Deletes: 49}, "", 0},
		{"a few of a few hidden", usual, Round{Known: [2]int{22, 22}, Seen: [2]int{2, 22}, Hidden: [2]int{20, 0}}, "", 0},
		{"was nearly empty", usual, Round{Known: [2]int{2, 2}, Seen: [2]int{0, 2}}, "", 0},
		{"not listed", usual, Round{Known: [2]int{50, 50}, Seen: NotListed}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.round.Object = "deal"
			h := Check(c.guard, c.round)
			if h == nil {
				if c.want != "" {
					t.Fatalf("went on, want halt for %s", c.want)
				}
				return
			}
			if h.Reason != c.want || h.Limit != c.limit {
				t.Errorf("halt for %s at %d, want %q at %d: %v", h.Reason, h.Limit, c.want, c.limit, h)
			}
			if !strings.Contains(h.Error(), `"deal"`) || h.Remedy == "" || h.Detail == "" {
				t.Errorf("halt does not say enough: %v", h)
			}
		})
	}
}

// A round that does less is never halted where one that does more goes on.
func TestCheckIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 500)
		g := contract.Guard{MaxDeletes: rapid.IntRange(-1, 50).Draw(t, "max deletes"), MaxChanges: rapid.IntRange(0, 50).Draw(t, "max changes"),
			MaxChangePercent: rapid.Float64Range(0, 100).Draw(t, "percent")}
		more := Round{Paired: n.Draw(t, "paired"), Deletes: n.Draw(t, "deletes"), Changes: n.Draw(t, "changes"), Seen: NotListed}
		less := more
		less.Deletes = rapid.IntRange(0, more.Deletes).Draw(t, "fewer deletes")
		less.Changes = rapid.IntRange(0, more.Changes).Draw(t, "fewer changes")
		if Check(g, more) == nil && Check(g, less) != nil {
			t.Fatalf("%+v goes on and %+v is halted", more, less)
		}
		if h := Check(g, more); h != nil && h.Numerator <= h.Limit {
			t.Fatalf("halted within the limit: %+v", h)
		}
	})
}
