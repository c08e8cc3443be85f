package merge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type row struct {
	name, rules, base, left, right string
	want                           []string
}

func w(lines ...string) []string { return lines }

// rows: what is agreed, what is seen, and what becomes of it. The base of most rows is one agreed value; the keys of both
// records are right unless a row says otherwise.
var rows = []row{
	// A field that the left side owns.
	{"nothing changed", "name:left", "name=a|name=a", "name=a", "name=a", nil},
	{"the owner edits", "name:left", "name=a|name=a", "name=b", "name=a", w("right update name=b")},
	{"the owner clears", "note:left", "note=a|note=a", "note=", "note=a", w("right update note=")},
	{"the owner clears what can't be empty", "name:left", "name=a|name=a", "name=", "name=a", w("conflict name required:  | a | a")},
	{"echo of our own write", "name:left", "name=b|name=b", "name=b @9", "name=b @12", nil},
	{"the derived side follows before we do", "name:left", "name=a|name=a", "name=b", "name=b", w("agreed left Name=b", "agreed right name=b")},
	{"drift is reverted", "name:left", "name=a|name=a", "name=a", "name=x", w("right update name=a")},
	{"drift is reported", "name:left/report", "name=a|name=a", "name=a", "name=x", w("conflict name drift: a | x | a")},
	{"drift is ignored", "name:left/ignore", "name=a|name=a", "name=a", "name=x", w("agreed right name=x")},
	{"ignored drift stays ignored", "name:left/ignore", "name=a|name=x", "name=a", "name=x", nil},
	{"after ignored drift the owner edits", "name:left/ignore", "name=a|name=x", "name=b", "name=x", w("right update name=b")},
	{"drift, and the owner edits", "name:left", "name=a|name=a", "name=b", "name=x", w("right update name=b")},
	{"reported drift, and the owner edits", "name:left/report", "name=a|name=a", "name=b", "name=x", w("right update name=b")},
	{"drift ends by itself", "name:left/report", "name=a|name=a", "name=a", "name=a", nil},
	{"drift in white space only", "note:left", "note=a|note=a", "note=a", "note=_a_", w("agreed right note=_a_")},
	{"reported drift in white space only", "note:left/report", "note=a|note=a", "note=a", "note=_a_", w("agreed right note=_a_")},
	{"nothing to say to a field that is not shown", "note:left", "", "note=", "", nil},
	{"something to say to a field that is not shown", "note:left", "", "note=n", "", w("right update note=n")},
	{"the owner does not show the field", "note:left", "note=a|note=a", "", "note=x", nil},
	{"absent is not cleared", "note:left", "note=a|note=a", "note=a", "", nil},
	{"the owner edits, the derived side is not shown", "note:left", "note=a|note=a", "note=b", "", w("right update note=b")},
	{"first meeting, equal", "name:left", "", "name=a", "name=a", w("agreed left Name=a", "agreed right name=a")},
	{"first meeting, different", "name:left", "", "name=a", "name=x", w("right update name=a")},
	{"first meeting, drift is not reported", "name:left/report", "", "name=a", "name=x", w("right update name=a")},
	{"first meeting, the owner holds nothing", "note:left", "", "note=", "note=x", w("right update note=")},
	{"first meeting, both hold nothing", "note:left", "", "note=", "note=", w("agreed left Note=", "agreed right note=")},
	{"first meeting of a new field only", "name:left note:left", "name=a|name=a", "name=a note=n", "name=a note=", w("right update note=n")},
	{"two fields, one edited", "name:left note:left", "name=a note=n|name=a note=n", "name=b note=n", "name=a note=n", w("right update name=b")},

	// A reference that nobody edited, to a record that has another partner than it had.
	{"the parent has another partner", "client:left", "client=lc1|client=rc9", "client=lc1", "client=rc9", w("right update client=rc1")},
	{"the parent has another partner, drift is ignored", "client:left/ignore", "client=lc1|client=rc9", "client=lc1", "client=rc9", nil},
	{"the parent has no partner any more", "client:left", "client=lc3|client=rc9", "client=lc3", "client=rc9", nil},
	{"the right owner's parent has another partner", "client:right", "client=lc9|client=rc1", "client=lc9", "client=rc1", w("left update Client=lc1")},
	{"the parent has another partner, either may edit", "client:either/newest", "client=lc9|client=rc1", "client=lc9", "client=rc1", w("left update Client=lc1")},
	{"two parents, and nobody told which counts", "client:either/newest", "client=lc1|client=rc2", "client=lc1", "client=rc2", nil},

	// A field that the right side owns: the mirror.
	{"the right owner edits", "count:right", "count=1|count=1", "count=1", "count=2", w("left update Count=2")},
	{"left drift is reverted", "count:right", "count=1|count=1", "count=5", "count=1", w("left update Count=1")},
	{"left drift is reported", "count:right/report", "count=1|count=1", "count=5", "count=1", w("conflict count drift: 5 | 1 | 1")},
	{"left drift is ignored", "count:right/ignore", "count=1|count=1", "count=5", "count=1", w("agreed left Count=5")},
	{"both sides own something", "name:left count:right", "name=a count=1|name=a count=1", "name=b count=1", "name=a count=2",
		w("left update Count=2", "right update name=b")},

	// A field that either side may edit.
	{"left edits", "note:either/newest", "note=a|note=a", "note=b", "note=a", w("right update note=b")},
	{"right edits", "note:either/newest", "note=a|note=a", "note=a", "note=c", w("left update Note=c")},
	{"right clears", "note:either/newest", "note=a|note=a", "note=a", "note=", w("left update Note=")},
	{"both edit alike", "note:either/hold", "note=a|note=a", "note=b", "note=b", w("agreed left Note=b", "agreed right note=b")},
	{"both edit, the newer is left", "note:either/newest", "note=a|note=a", "note=b @9", "note=c @8", w("right update note=b", "info note overridden: b | c | a")},
	{"both edit, the newer is right", "note:either/newest", "note=a|note=a", "note=b @8", "note=c @9", w("left update Note=c", "info note overridden: b | c | a")},
	{"both edit, the cell knows better than the record", "note:either/newest", "note=a|note=a", "note=b @99 note@8", "note=c @9", w("left update Note=c", "info note overridden: b | c | a")},
	{"both edit at once", "note:either/newest", "note=a|note=a", "note=b @9", "note=c @9", w("right update note=b", "info note overridden: b | c | a")},
	{"both edit, one time is not known", "note:either/newest", "note=a|note=a", "note=b", "note=c @9", w("right update note=b", "info note overridden: b | c | a")},
	{"both edit, left wins", "note:either/left", "note=a|note=a", "note=b @1", "note=c @9", w("right update note=b", "info note overridden: b | c | a")},
	{"both edit, right wins", "note:either/right", "note=a|note=a", "note=b @9", "note=c @1", w("left update Note=c", "info note overridden: b | c | a")},
	{"both edit, held", "note:either/hold", "note=a|note=a", "note=b @9", "note=c @1", w("conflict note both_changed: b | c | a")},
	{"one clears, the other edits, held", "note:either/hold", "note=a|note=a", "note=", "note=c", w("conflict note both_changed:  | c | a")},
	{"held, then an operator takes left", "note:either/hold award:note=left", "note=a|note=a", "note=b", "note=c", w("right update note=b")},
	{"held, then an operator takes right", "note:either/hold award:note=right", "note=a|note=a", "note=b", "note=c", w("left update Note=c")},
	{"reported, then an operator lets it be", "note:left/report award:note=right", "note=a|note=a", "note=a", "note=c", w("agreed right note=c")},
	{"reported, then an operator takes the owner's", "note:left/report award:note=left", "note=a|note=a", "note=a", "note=c", w("right update note=a")},
	{"held does not hold up the others", "note:either/hold name:left", "note=a name=n|note=a name=n", "note=b name=m", "note=c name=n",
		w("right update name=m", "conflict note both_changed: b | c | a")},
	{"first meeting, left holds nothing", "note:either/hold", "", "note=", "note=c", w("left update Note=c")},
	{"first meeting, right holds nothing", "note:either/right", "", "note=b", "note=", w("right update note=b")},
	{"first meeting, both differ, newest", "note:either/newest", "", "note=b @5", "note=c @9", w("left update Note=c", "info note overridden: b | c | ")},
	{"first meeting, both differ, held", "note:either/hold", "", "note=b @5", "note=c @9", w("conflict note both_changed: b | c | ")},
	{"either, one not shown, the other edits", "note:either/newest", "note=a|note=a", "note=b", "", w("right update note=b")},
	{"either, one not shown, never agreed", "note:either/newest", "", "note=b", "", nil},
	{"white space on both sides", "note:either/hold", "note=a|note=a", "note=b", "note=_b_", w("agreed left Note=b", "agreed right note=_b_")},

	// Lossy pairs do not flap.
	{"two stages, one label", "stage:left", "stage=Prospecting|stage=Open", "stage=Qualification", "stage=Open", w("agreed left Stage=Qualification")},
	{"either: two stages, one label", "stage:either/hold", "stage=Prospecting|stage=Open", "stage=Qualification", "stage=Open", w("agreed left Stage=Qualification")},
	{"a label that is already meant", "stage:either/newest", "stage=Qualification|stage=Won", "stage=Qualification", "stage=Open", w("agreed right stage=Open")},
	{"a label comes home", "stage:right", "stage=Closed_Won|stage=Won", "stage=Closed_Won", "stage=Open", w("left update Stage=Prospecting")},
	{"the right side owns, the left moves within a label", "stage:right", "stage=Prospecting|stage=Open", "stage=Qualification", "stage=Open", w("agreed left Stage=Qualification")},
	{"a stage outside the table", "stage:left name:left", "stage=Closed_Won name=a|stage=Won name=a", "stage=Demo name=b", "stage=Won name=a",
		w("right update name=b", "conflict stage unlisted: Demo | Closed Won | Closed Won")},
	{"a stage outside the table, corrected", "stage:left", "stage=Closed_Won|stage=Won", "stage=Closed_Lost", "stage=Won", w("right update stage=Lost")},
	{"a cut text comes not back", "memo:either/newest", "memo=~|memo=01234", "memo=~ @9", "memo=01234 @10", nil},
	{"a cut text, edited behind the cut", "memo:left", "memo=~|memo=01234", "memo=~x", "memo=01234", w("agreed left Memo=0123456789x")},
	{"a cut text, edited before the cut", "memo:left", "memo=~|memo=01234", "memo=x~", "memo=01234", w("right update memo=x0123")},
	{"a cut text, edited on the short side", "memo:either/newest", "memo=~|memo=01234", "memo=~", "memo=new", w("left update Memo=new")},
	{"a rounded number comes not back", "amount:either/newest", "amount=10.5|amount=10", "amount=10.5", "amount=10", nil},
	{"cents that the right side can't see", "amount:either/newest", "amount=10.5|amount=10", "amount=10.25", "amount=10", w("agreed left Amount=10.25")},
	{"a rounded number, edited", "amount:either/newest", "amount=10.5|amount=10", "amount=10.5", "amount=11", w("left update Amount=11")},
	{"nothing is false", "done:either/hold", "done=false|done=", "done=false", "done=", nil},
	{"a box is ticked", "done:either/hold", "done=false|done=", "done=false", "done=true", w("left update Done=true")},

	// Rejections hold up their own field only, and are tried again.
	{"too long", "note:either/newest", "note=a|note=a", "note=a", "note=~~x", w("conflict note too_long: a | 01234567890123456789x | a")},
	{"a person the other side does not know", "boss:left name:left", "boss=ada name=a|boss=m-ada name=a", "boss=eve name=b", "boss=m-ada name=a",
		w("right update name=b", "conflict boss unmatched_person: eve@x.example | ada@x.example | ada@x.example")},
	{"a person is skipped", "mate:left", "mate=ada|mate=m-ada", "mate=eve", "mate=m-ada", w("agreed left Mate=eve")},
	{"a queue is skipped", "mate:left", "mate=ada|mate=m-ada", "mate=queue", "mate=m-ada", nil},
	{"a person is matched", "boss:left", "boss=ada|boss=m-ada", "boss=bob", "boss=m-ada", w("right update boss=m-bob")},
	{"two people for one place", "boss:right", "boss=ada|boss=m-ada", "boss=ada", "boss=m-ada,m-bob", w("conflict boss too_many: ada@x.example | ada@x.example, bob@x.example | ada@x.example")},
	{"a parent that has its partner", "client:left", "client=lc1|client=rc1", "client=lc2", "client=rc1", w("right update client=rc2")},
	{"a parent that has none yet", "client:left name:left", "client=lc1 name=a|client=rc1 name=a", "client=lc3 name=b", "client=rc1 name=a",
		w("right update name=b", "conflict client missing_parent: pair-3 | pair-1 | pair-1", "waits pair-3")},
	{"a parent outside the contract", "client:left", "client=lc1|client=rc1", "client=lc9", "client=rc1", w("conflict client missing_parent: lc9 | pair-1 | pair-1")},
	{"two dates, one moved", "span:left", "span=2026-01-01/2026-02-01|span=2026-01-01/2026-02-01", "span=2026-01-05/2026-02-01", "span=2026-01-01/2026-02-01",
		w("right update span=2026-01-05_to_2026-02-01")},
	{"a timeline moves one date", "span:right", "span=2026-01-01/2026-02-01|span=2026-01-01/2026-02-01", "span=2026-01-01/2026-02-01", "span=2026-01-05/2026-02-01",
		w("left update Span=2026-01-05")},
	{"dates out of order", "span:left", "span=2026-01-01/2026-02-01|span=2026-01-01/2026-02-01", "span=2026-03-01/2026-02-01", "span=2026-01-01/2026-02-01",
		w("conflict span out_of_range: 2026-03-01 | 2026-01-01 to 2026-02-01 | 2026-01-01 to 2026-02-01")},

	// Links.
	{"the left record lacks its key", "name:left", "name=a|name=a", "name=a key=", "name=a", w("left update key=r1")},
	{"both lack their keys", "name:left", "name=a|name=a", "name=a key=", "name=a key=", w("left update key=r1", "right update key=l1")},
	{"a wrong key, and an edit", "name:left", "name=a|name=a", "name=b", "name=a key=l7", w("right update key=l1 name=b")},
	{"an end without a key", "name:left unkeyed:right", "name=a|name=a", "name=a", "name=a key=", nil},

	// Creation.
	{"created", "name:left count:right note:either/newest create:right", "", "name=a count=1 note=n key=", "never", w("right create key=l1 name=a note=n")},
	{"created the other way", "name:right count:left create:left", "", "never", "name=a count=1 key=", w("left create key=r1 Name=a")},
	{"not created without a rule", "name:left create:left", "", "name=a key=", "never", nil},
	{"created when it qualifies", "name:left stage:left create:right/won", "", "name=a stage=Closed_Won key=", "never", w("right create key=l1 name=a stage=Won")},
	{"not created before it qualifies", "name:left stage:left create:right/won", "", "name=a stage=Prospecting key=", "never", nil},
	{"a condition that can't be evaluated", "name:left create:right/won", "", "name=broken key=", "never", w("conflict  condition:  |  | ")},
	{"an optional field is rejected", "name:left stage:left create:right", "", "name=a stage=Demo key=", "never", w("right create key=l1 name=a", "conflict stage unlisted: Demo |  | ")},
	{"a needed field is rejected", "name:left note:left create:right", "", "name=~~x note=n key=", "never",
		w("conflict name too_long: 01234567890123456789x |  | ", "conflict  not_created:  |  | ")},
	{"a needed field is empty", "name:left create:right", "", "name= key=", "never", w("conflict name required:  |  | ", "conflict  not_created:  |  | ")},
	{"created before its parent", "name:left client:left create:right", "", "name=a client=lc3 key=", "never",
		w("right create key=l1 name=a", "conflict client missing_parent: pair-3 |  | ", "waits pair-3")},
	{"a record with another's key", "name:left create:right", "", "name=a key=r5", "never", w("conflict  key_taken:  |  | ")},
	{"not created again when it was there once", "name:left create:right", "name=a|name=a", "name=a", "unread", nil},

	// Deletion.
	{"deleted, the other stays", "name:left", "name=a|name=a", "deleted", "name=x", w("parted")},
	{"deleted, the other is archived", "name:left delete:left=archive", "name=a|name=a", "deleted", "name=x", w("right archive")},
	{"archived counts as deleted", "name:left delete:left=archive", "name=a|name=a", "archived", "name=x", w("right archive")},
	{"deleted on the right, the left is deleted", "name:left delete:right=delete", "name=a|name=a", "name=a", "deleted", w("left delete")},
	{"deleted on the right, the left stays and makes no new one", "name:left create:right delete:left=archive", "name=a|name=a", "name=b", "deleted", w("parted")},
	{"both gone", "name:left delete:left=archive", "name=a|name=a", "deleted", "archived", w("closed")},
	{"gone before it had a partner", "name:left create:right", "", "deleted name=a", "never", w("closed")},
	{"missing is not deleted", "name:left delete:left=delete delete:right=delete", "name=a|name=a", "missing", "name=x", w("conflict  not_shown:  |  | ")},
	{"hidden, and the partner edited", "name:left count:right", "name=a count=1|name=a count=1", "missing", "name=a count=2", w("conflict  not_shown:  |  | ")},
	{"missing, and the other deleted", "name:left delete:right=delete", "name=a|name=a", "missing", "deleted", nil},
	{"back from the bin", "name:left", "name=a|name=a", "name=b", "name=a", w("right update name=b")},
	{"deleted while the other was edited, archived with the edit", "name:left count:right delete:left=archive", "name=a count=1|name=a count=1", "deleted name=a count=1", "name=a count=2",
		w("right archive", "info count edited_gone: 1 | 2 | 1")},
	{"deleted while the other was edited, nothing is deleted", "name:left count:right delete:left=delete", "name=a count=1|name=a count=1", "deleted name=a count=1", "name=a count=2",
		w("conflict  edited_gone:  |  | ")},
	{"the deletion is chosen", "name:left count:right delete:left=delete award:=left", "name=a count=1|name=a count=1", "deleted name=a count=1", "name=a count=2", w("right delete")},
	{"the edit is chosen", "name:left count:right delete:left=delete award:=right", "name=a count=1|name=a count=1", "deleted name=a count=1", "name=a count=2", w("parted")},
	{"filled in before both agreed", "name:left count:right delete:left=delete", "name=a|name=a", "deleted name=a count=", "name=a count=2", w("conflict  edited_gone:  |  | ")},
	{"empty before both agreed", "name:left count:right delete:left=delete", "name=a|name=a", "deleted name=a count=", "name=a count=", w("right delete")},
	{"edited where that does not count", "name:left delete:left=delete", "name=a|name=a", "deleted name=a", "name=x", w("right delete")},
	{"edited alike on both sides before", "note:either/newest delete:right=delete", "note=a|note=a", "note=b", "archived note=b", w("left delete")},
	{"back after we archived its partner", "name:left delete:left=archive delete:right=delete create:right removed:right", "name=a|name=a", "name=b", "archived", w("conflict  came_back:  |  | ", "parted")},

	// Scope.
	{"left the scope, the other stays", "name:left count:right delete:left=delete", "name=a count=1|name=a count=1", "outside", "name=x count=2", w("parted")},
	{"left the scope, the other is archived", "name:left leave:left=archive", "name=a|name=a", "outside", "name=x", w("right archive")},
	{"left the scope while the other was edited", "name:left count:right leave:left=archive", "name=a count=1|name=a count=1", "outside name=a count=1", "name=a count=2",
		w("right archive", "info count edited_gone: 1 | 2 | 1")},
	{"left on the right, the left is deleted", "name:left leave:right=delete", "name=a|name=a", "name=a", "outside", w("left delete")},
	{"both left", "name:left leave:left=archive leave:right=delete", "name=a|name=a", "outside", "outside", nil},
	{"one left, the other went", "name:left leave:left=archive delete:right=delete", "name=a|name=a", "outside", "deleted", nil},
	{"left before it had a partner", "name:left create:right", "", "outside", "never", nil},
	{"back in scope, both edited", "name:left count:right", "name=a count=1|name=a count=1", "name=b count=1", "name=a count=2", w("left update Count=2", "right update name=b")},
	{"back in scope after we archived its partner", "name:left leave:left=archive removed:right", "name=a|name=a", "name=a", "archived", w("conflict  came_back:  |  | ", "parted")},

	// Records that lost their partner.
	{"let go of", "name:left create:right lone:let_go", "", "name=a key=r5", "never", w("left update unlink")},
	{"let go of, and free", "name:left create:right lone:let_go", "", "name=a key=", "never", nil},
	{"a double that is archived", "name:left create:left delete:left=archive lone:dismissed", "", "never", "name=a", w("right archive")},
	{"a double that is kept", "name:left create:left lone:dismissed", "", "never", "name=a", w("right update unlink")},
	{"to stay by itself", "name:left create:right lone:ignored", "", "name=a key=", "never", nil},
	{"to be created anew", "name:left create:right lone:renewed", "", "name=a key=r5", "never", w("right create key=l1 name=a")},
}

func TestResolve(t *testing.T) {
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			in := scene(t, c.rules, c.base, c.left, c.right)
			d := Resolve(in)
			if diff := cmp.Diff(c.want, tell(d)); diff != "" {
				t.Errorf("decision differs (-want +got):\n%s", diff)
			}
			settles(t, in)
		})
	}
	t.Logf("%d rows", len(rows))
}

// settles checks that carrying a decision out leaves nothing to do, at once or, for a new record, after the two have met.
func settles(t *testing.T, in Input) {
	t.Helper()
	rounds := 1
	if in.Seen[0] == nil || in.Seen[1] == nil {
		rounds = 2
	}
	for range rounds {
		in = carry(in, Resolve(in))
	}
	d := Resolve(in)
	for i, p := range d.Patches {
		if p != nil {
			t.Errorf("after %d rounds, side %d still gets %+v", rounds, i, *p)
		}
	}
	if len(d.Agreed[0])+len(d.Agreed[1]) > 0 {
		t.Errorf("after %d rounds, the base still moves: %v", rounds, d.Agreed)
	}
}
