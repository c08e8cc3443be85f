package ledger_test

import (
	"testing"
	"time"

	"accord/engine/ledger"
	"accord/engine/record"
)

// How observations of one record add up, whatever the order in which they arrive.
func TestObservations(t *testing.T) {
	left := func(version record.Version, pairs ...string) ledger.Observation {
		return event(record.Left, "L1", version, pairs...)
	}
	full := func(version record.Version, pairs ...string) ledger.Observation {
		return read(record.Left, "L1", "", version, pairs...)
	}
	with := func(o ledger.Observation, change func(*ledger.Observation)) ledger.Observation {
		change(&o)
		return o
	}
	partial := func(o *ledger.Observation) { o.Partial = true }
	ours := func(o *ledger.Observation) { o.Ours = true }
	gen := func(n int64) func(*ledger.Observation) { return func(o *ledger.Observation) { o.DirtyGen = n } }
	state := func(s record.State) func(*ledger.Observation) {
		return func(o *ledger.Observation) { o.Record.State = s }
	}
	own := func(field string, v record.Version) func(*ledger.Observation) {
		return func(o *ledger.Observation) { o.Record.Changed = map[string]record.Version{field: v} }
	}
	seconds := record.Version(1000)
	for _, row := range []struct {
		name  string
		then  []ledger.Observation // after full(10, "a", "1", "b", "1") was captured and resolved
		want  record.Fields
		state record.State
		dirty bool
		due   bool
	}{
		{"nothing", nil, fields("a", "1", "b", "1"), record.Live, false, false},
		{"newer value wins", []ledger.Observation{left(11, "a", "2")}, fields("a", "2", "b", "1"), record.Live, false, true},
		{"older value loses", []ledger.Observation{left(9, "a", "2")}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"reordered events", []ledger.Observation{left(12, "a", "3"), left(11, "a", "2")}, fields("a", "3", "b", "1"), record.Live, false, true},
		{"reordered events of different fields", []ledger.Observation{left(12, "a", "3"), left(11, "b", "2")}, fields("a", "3", "b", "2"), record.Live, false, true},
		{"doubled event", []ledger.Observation{left(10, "a", "1")}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"newer version of the same value", []ledger.Observation{left(11, "a", "1")}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"the field's own version counts", []ledger.Observation{with(left(12, "a", "2"), own("a", 8))}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"same version, other value", []ledger.Observation{left(10, "a", "2")}, fields("a", "1", "b", "1"), record.Live, true, true},
		{"no version, other value", []ledger.Observation{left(0, "a", "2")}, fields("a", "1", "b", "1"), record.Live, true, true},
		{"partial", []ledger.Observation{with(left(11), partial)}, fields("a", "1", "b", "1"), record.Live, true, true},
		{"back by an event", []ledger.Observation{with(left(11), state(record.Outside)), left(12, "b", "2")}, fields("a", "1", "b", "2"), record.Live, true, true},
		{
			"back by a read", []ledger.Observation{with(left(11), state(record.Outside)), full(12, "a", "2", "b", "2")},
			fields("a", "2", "b", "2"), record.Live, false, true,
		},
		{"partial, from before the last full read", []ledger.Observation{with(left(9), partial)}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"partial, then read", []ledger.Observation{with(left(11), partial), with(full(11, "a", "2", "b", "1"), gen(1))}, fields("a", "2", "b", "1"), record.Live, false, true},
		{"partial, read before it", []ledger.Observation{with(left(11), partial), with(full(11, "a", "2"), gen(0))}, fields("a", "2", "b", "1"), record.Live, true, true},
		{
			"changed while it is read",
			[]ledger.Observation{with(left(11), partial), left(12, "a", "3"), with(full(11, "a", "2"), gen(1))},
			fields("a", "3", "b", "1"), record.Live, true, true,
		},
		{
			"a read clears what the record no longer shows as its value",
			[]ledger.Observation{left(10, "a", "2"), with(full(10, "a", ""), gen(1))},
			fields("a", "", "b", "1"), record.Live, false, true,
		},
		{
			"a read that lags is not believed at first",
			[]ledger.Observation{with(left(20*seconds, "a", "2"), partial), with(full(10*seconds, "a", "1"), gen(1))},
			fields("a", "2", "b", "1"), record.Live, true, true,
		},
		{
			"but it is the third time",
			[]ledger.Observation{
				with(left(20*seconds, "a", "2"), partial), with(full(10*seconds, "a", "3"), gen(1)), with(full(10*seconds, "a", "3"), gen(1)),
				with(full(10*seconds, "a", "3"), gen(1)),
			},
			fields("a", "3", "b", "1"), record.Live, false, true,
		},
		{
			"a read whose version is cut to the second is believed",
			[]ledger.Observation{with(left(20*seconds+700, "a", "2"), partial), with(full(20*seconds, "a", "3"), gen(1))},
			fields("a", "3", "b", "1"), record.Live, false, true,
		},
		{"deleted", []ledger.Observation{with(left(11), state(record.Deleted))}, fields("a", "1", "b", "1"), record.Deleted, false, true},
		{"an older deletion is history", []ledger.Observation{with(left(9), state(record.Deleted))}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"an event from before the deletion", []ledger.Observation{with(left(12), state(record.Deleted)), left(11, "a", "2")}, fields("a", "2", "b", "1"), record.Deleted, false, true},
		{"restored", []ledger.Observation{with(left(11), state(record.Deleted)), left(12)}, fields("a", "1", "b", "1"), record.Live, false, true},
		{"not shown by a sweep", []ledger.Observation{with(full(0), state(record.Missing))}, fields("a", "1", "b", "1"), record.Live, true, true},
		{
			"not shown when it was looked for",
			[]ledger.Observation{with(full(0), state(record.Missing)), with(with(full(0), state(record.Missing)), gen(1))},
			fields("a", "1", "b", "1"), record.Missing, false, true,
		},
		{
			"what is deleted is not shown either",
			[]ledger.Observation{with(with(left(11), state(record.Deleted)), partial), with(with(full(0), state(record.Missing)), gen(1))},
			fields("a", "1", "b", "1"), record.Deleted, false, true,
		},
		{
			"what was not shown turns out to be deleted",
			[]ledger.Observation{
				with(full(0), state(record.Missing)), with(with(full(0), state(record.Missing)), gen(1)), with(left(10), state(record.Deleted)),
			},
			fields("a", "1", "b", "1"), record.Deleted, false, true,
		},
		{"our own client, same as ever", []ledger.Observation{with(left(11, "a", "1"), ours)}, fields("a", "1", "b", "1"), record.Live, false, false},
		{"our own client is no proof", []ledger.Observation{with(left(11, "a", "2"), ours)}, fields("a", "2", "b", "1"), record.Live, false, true},
		{"a field that was not asked for before", []ledger.Observation{full(10, "c", "1")}, fields("a", "1", "b", "1", "c", "1"), record.Live, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := open(t, sqliteURL(t), newClock())
			f.capture(full(10, "a", "1", "b", "1"))
			f.resolve(decided(f.claimOne()))
			for _, o := range row.then {
				f.capture(o)
			}
			e := f.explain("L1")
			same(t, "fields", e.Seen[0].Fields, row.want)
			same(t, "state", e.Seen[0].State, row.state)
			same(t, "dirty", e.Dirty[0], row.dirty)
			same(t, "pending", e.Pending != nil, row.due)
			same(t, "claimed", len(f.claim()), map[bool]int{true: 1}[row.due && !row.dirty])
		})
	}
}

// A read shows the version of the whole record for fields whose own one the vendor does not tell: an edit of another
// field makes nothing of this one newer, or an old value would win over a later edit on the other side.
func TestAValueIsAsOldAsTheEditThatGaveIt(t *testing.T) {
	full := func(version record.Version, pairs ...string) ledger.Observation {
		return read(record.Left, "L1", "", version, pairs...)
	}
	partial := event(record.Left, "L1", 40)
	partial.Partial = true
	again := full(40, "a", "2", "b", "9")
	again.DirtyGen = 1
	for _, row := range []struct {
		name string
		then []ledger.Observation // after full(10, "a", "1", "b", "1")
		want map[string]record.Version
	}{
		{"another field was edited since", []ledger.Observation{full(20, "a", "2", "b", "1"), full(30, "a", "2", "b", "2")}, map[string]record.Version{"a": 20, "b": 30}},
		{"and seen by a read of what was in doubt", []ledger.Observation{full(20, "a", "2", "b", "1"), partial, again}, map[string]record.Version{"a": 20, "b": 40}},
		{"the edit's own event comes late", []ledger.Observation{full(30, "a", "2", "b", "1"), event(record.Left, "L1", 20, "a", "2")}, map[string]record.Version{"a": 20, "b": 10}},
		{"edited again", []ledger.Observation{full(20, "a", "2", "b", "1"), full(30, "a", "2", "b", "1"), event(record.Left, "L1", 35, "a", "3")}, map[string]record.Version{"a": 35, "b": 10}},
		{"an older value is history all the same", []ledger.Observation{full(20, "a", "2", "b", "1"), full(30, "a", "2", "b", "1"), event(record.Left, "L1", 25, "a", "3")}, map[string]record.Version{"a": 20, "b": 10}},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := open(t, sqliteURL(t), newClock())
			f.capture(full(10, "a", "1", "b", "1"))
			for _, o := range row.then {
				f.capture(o)
			}
			same(t, "versions", f.explain("L1").Seen[0].Changed, row.want)
		})
	}
}

func TestFirstSight(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		gone := event(record.Left, "L0", 5)
		gone.Record.State = record.Deleted
		same(t, "gone before we came", f.capture(gone), ledger.Captured{Unchanged: 1})
		same(t, "an event", f.capture(event(record.Left, "L1", 5, "a", "1")), ledger.Captured{Created: 1})
		f.claimNone()
		d := f.dirty(record.Left)
		if len(d) != 1 || d[0].ID != "L1" {
			t.Fatalf("dirty: %+v", d)
		}
		o := read(record.Left, "L1", "", 5, "a", "1", "b", "2")
		o.DirtyGen = d[0].Gen
		f.capture(o)
		same(t, "seen", f.claimOne().Seen[0].Fields, fields("a", "1", "b", "2"))
		same(t, "no id", f.capture(event(record.Left, "", 5)), ledger.Captured{})
	})
}

// What a vendor makes of a value that we gave it is agreed, not somebody's edit.
func TestReadBack(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		put := func(value string, version record.Version) {
			t.Helper()
			f.capture(event(record.Left, "L1", f.explain("L1").Seen[0].Version+10, "a", value))
			f.write(record.Right, "a", value)
			f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: version})
		}
		base := func(want string) {
			t.Helper()
			same(t, "base", f.explain("R1").Pair.Base[1], fields("a", want))
		}
		// Told as ours: the vendor trimmed it.
		put("two ", 0)
		echo := event(record.Right, "R1", 20, "a", "two")
		echo.Ours = true
		f.capture(echo)
		base("two")
		f.resolve(decided(f.claimOne()))
		// Only the first answer is: the next is an edit.
		echo.Record.Version, echo.Record.Fields = 21, fields("a", "three")
		f.capture(echo)
		base("two")
		w := f.claimOne()
		same(t, "an edit", w.Seen[1].Fields, fields("a", "three"))
		f.resolve(decided(w))

		// Somebody else's edit after our write is an edit.
		put("four ", 0)
		f.capture(event(record.Right, "R1", 30, "a", "five"))
		base("four ")
		o := read(record.Right, "R1", "L1", 30, "a", "five") // nothing tells whether it came after our write: it is read
		o.DirtyGen = f.dirty(record.Right)[0].Gen
		f.capture(o)
		base("four ")
		f.resolve(decided(f.claimOne()))
		// A read that shows our own version shows our own write.
		put("six ", 40)
		f.capture(read(record.Right, "R1", "L1", 40, "a", "six"))
		base("six")
		// An edit after that write, and before another one of ours to another field, is an edit.
		f.resolve(decided(f.claimOne()))
		put("six and a half ", 41)
		f.capture(event(record.Left, "L1", f.explain("L1").Seen[0].Version+10, "b", "1"))
		f.write(record.Right, "b", "1")
		f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true, Version: 44})
		o = read(record.Right, "R1", "L1", 44, "a", "somebody's", "b", "1")
		o.Record.Changed = map[string]record.Version{"a": 43}
		f.capture(o)
		base2 := f.explain("R1").Pair.Base[1]
		same(t, "base", base2, fields("a", "six and a half ", "b", "1"))
		// So does what was reported under that version before the answer came, but for one of whole seconds.
		f.resolve(decided(f.claimOne()))
		for _, row := range []struct {
			value, shown string
			version      record.Version
			want         string
		}{{"seven ", "seven", 50, "seven"}, {"eight ", "eight", 2000, "eight "}} {
			f.capture(event(record.Left, "L1", f.explain("L1").Seen[0].Version+10, "a", row.value))
			f.write(record.Right, "a", row.value)
			i := f.dispatch(record.Right).Intents[0]
			f.capture(event(record.Right, "R1", row.version, "a", row.shown))
			f.settle(ledger.Outcome{IntentID: i.ID, Done: true, Version: row.version})
			same(t, "base", f.explain("R1").Pair.Base[1], fields("a", row.want, "b", "1"))
		}
	})
}

// Somebody's edit that arrives between our write and its confirmation is not taken for what we wrote.
func TestEditDuringWrite(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1", "b", "1")
		start := func(version record.Version, value string) ledger.Intent {
			f.capture(event(record.Left, "L1", version, "a", value))
			f.write(record.Right, "a", value)
			return f.dispatch(record.Right).Intents[0]
		}
		i := start(2, "2")
		f.capture(event(record.Right, "R1", 5, "a", "mine"))
		f.settle(ledger.Outcome{IntentID: i.ID, Done: true, Version: 4, Stored: fields("a", "2")})
		w := f.claimOne()
		same(t, "seen", w.Seen[1].Fields, fields("a", "mine", "b", "1"))
		same(t, "base", w.Pair.Base[1], fields("a", "2", "b", "1"))
		f.resolve(decided(w))

		// The vendor tells no version: nobody knows which came first, so the record is read.
		i = start(3, "3")
		f.capture(event(record.Right, "R1", 6, "a", "mine again"))
		f.settle(ledger.Outcome{IntentID: i.ID, Done: true})
		d := f.dirty(record.Right)
		if len(d) != 1 {
			t.Fatalf("dirty: %+v", d)
		}
		o := read(record.Right, "R1", "L1", 7, "a", "3", "b", "1")
		o.DirtyGen = d[0].Gen
		f.capture(o)
		f.resolve(decided(f.claimOne()))

		// The answer shows another field that somebody changed: to be carried across, not agreed.
		i = start(4, "4")
		f.settle(ledger.Outcome{IntentID: i.ID, Done: true, Version: 9, Stored: fields("a", "4", "b", "edited")})
		w = f.claimOne()
		same(t, "seen", w.Seen[1].Fields, fields("a", "4", "b", "edited"))
		same(t, "base", w.Pair.Base[1], fields("a", "4", "b", "1"))
	})
}

// Somebody who puts back what stood there before our write tells no news by it: that it differs from what was agreed shows
// when the write is confirmed.
func TestAnEditBackDuringAWrite(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		i := f.dispatch(record.Right).Intents[0]
		f.capture(event(record.Right, "R1", 6, "a", "1")) // the write, at 4, is not known yet
		f.claimNone()
		f.settle(ledger.Outcome{IntentID: i.ID, Done: true, Version: 4})
		w := f.claimOne()
		same(t, "seen", w.Seen[1].Fields, fields("a", "1"))
		same(t, "base", w.Pair.Base[1], fields("a", "2"))
	})
}

// An unanswered batch that is sent again is under way anew, also to whoever finds it after a crash.
func TestABatchThatIsSentAgain(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		b := f.dispatch(record.Right)
		first := f.clock.Now()
		again := f.clock.advance(time.Minute)
		ok(t, f.Repeat(t.Context(), b))
		open := must(f.Unsettled(t.Context(), "deal", record.Right))(t)
		if len(open) != 1 || !open[0].Sent.Equal(first) || !open[0].Tried.Equal(again) || !b.Tried.Equal(again) || open[0].Key != b.Key {
			t.Errorf("sent %s and again %s: %+v", first, again, open)
		}
	})
}

// Of a write that nobody answered, a look-up may show a part: somebody has edited the rest since. Only that part was agreed.
func TestAWriteFoundInPart(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1", "b", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2", "b", "2"))
		f.write(record.Right, "a", "2", "b", "2")
		i := f.dispatch(record.Right).Intents[0]
		f.settle(ledger.Outcome{IntentID: i.ID, Unknown: true, Error: "no answer"})
		f.settle(ledger.Outcome{
			IntentID: i.ID, Done: true, Found: true, Version: 6, Stored: fields("a", "2"), Carried: [2][]string{{"a"}, {"a"}},
		})
		base := f.explain("L1").Pair.Base
		same(t, "base", base, [2]record.Fields{fields("a", "2", "b", "1"), fields("a", "2", "b", "1")})
		d := f.dirty(record.Right)
		if len(d) != 1 {
			t.Fatalf("dirty: %+v", d)
		}
		o := read(record.Right, "R1", "L1", 6, "a", "2", "b", "theirs")
		o.DirtyGen = d[0].Gen
		f.capture(o)
		w := f.claimOne()
		same(t, "seen", w.Seen[1].Fields, fields("a", "2", "b", "theirs"))
		same(t, "base of what was read", w.Pair.Base[1], fields("a", "2", "b", "1"))
	})
}

// A page of a listing that was asked for before our write, and arrives after its confirmation, is not taken for an edit:
// where the vendor does not tell which version the write made, the record is read again.
func TestAStalePageAfterOurWrite(t *testing.T) {
	engines(t, func(t *testing.T, f *fixture) {
		f.pairUp("L1", "R1", "a", "1")
		f.capture(event(record.Left, "L1", 2, "a", "2"))
		f.write(record.Right, "a", "2")
		f.settle(ledger.Outcome{IntentID: f.dispatch(record.Right).Intents[0].ID, Done: true})
		f.capture(read(record.Right, "R1", "L1", 9, "a", "1")) // newer than what was seen, older than what was written
		d := f.dirty(record.Right)
		if len(d) != 1 {
			t.Fatalf("dirty: %+v", d)
		}
		o := read(record.Right, "R1", "L1", 10, "a", "2")
		o.DirtyGen = d[0].Gen
		f.capture(o)
		w := f.claimOne()
		same(t, "seen", w.Seen[1].Fields, fields("a", "2"))
		same(t, "base", w.Pair.Base[1], fields("a", "2"))
	})
}
