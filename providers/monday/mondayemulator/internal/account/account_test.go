package account

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fixed makes an account with one board of three columns and a clock that is moved by hand.
func fixed(t interface{ Fatal(...any) }, now *time.Time) (*Account, *Board) {
	a := New(Config{Now: func() time.Time { return *now }, Seed: 1, Name: "Acme", Tier: "pro", ItemsLimit: 1000, Users: []User{{Name: "Ada", Email: "ada@acme.example", Active: true}}})
	b, err := a.CreateBoard(a.Users[0].ID, NewBoard{Name: "B", Kind: "public", Empty: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []NewColumn{{ID: "key", Title: "Key", Type: "text"}, {ID: "n", Title: "N", Type: "numbers"}, {ID: "s", Title: "S", Type: "status"}} {
		if _, err := a.CreateColumn(a.Users[0].ID, b, c); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// TestIndexesAgreeWithScan does random things and then compares what the indexes say with what a
// look at every item says, before and after a way through Export and Import.
func TestIndexesAgreeWithScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		a, b := fixed(t, &now)
		by := a.Users[0].ID
		other, err := a.CreateGroup(by, b, "Other", "", "before_at", "")
		if err != nil {
			t.Fatal(err)
		}
		other2 := other.ID
		away, err := a.DuplicateBoard(by, b, Duplication{})
		if err != nil {
			t.Fatal(err)
		}
		keys := rapid.SampledFrom([]string{"", "a", "b", "c"})
		var all []*Item
		pick := func() *Item { return all[rapid.IntRange(0, len(all)-1).Draw(t, "item")] }
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			op := rapid.IntRange(0, 7).Draw(t, "op")
			if len(all) == 0 {
				op = 0
			}
			switch op {
			case 0:
				it, err := a.CreateItem(by, b, NewItem{Name: "i" + keys.Draw(t, "name"), Values: map[string]any{"key": keys.Draw(t, "key")}, Method: rapid.SampledFrom([]string{"", "after_at", "before_at"}).Draw(t, "method")})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, it)
			case 1:
				if it := pick(); it.State == Active {
					if err := a.SetValues(by, it, map[string]any{"key": keys.Draw(t, "key"), "s": map[string]any{"index": int64(rapid.IntRange(0, 2).Draw(t, "label"))}}, false); err != nil {
						t.Fatal(err)
					}
				}
			case 2:
				a.SetItemState(by, pick(), rapid.SampledFrom([]string{Active, Archived, Deleted}).Draw(t, "state"))
			case 3:
				if it := pick(); it.State == Active && it.board == b {
					if err := a.Move(by, it, rapid.SampledFrom([]string{"topics", other2}).Draw(t, "group")); err != nil {
						t.Fatal(err)
					}
				}
			case 4:
				if it := pick(); it.State == Active {
					if err := a.Rename(by, it, "i"+keys.Draw(t, "name")); err != nil {
						t.Fatal(err)
					}
				}
			case 5: // makes the index early
				if _, err := a.ItemsByValues(b, []Match{{"key", []string{"a"}}, {"name", []string{"ia"}}}); err != nil {
					t.Fatal(err)
				}
			case 7: // to another board and back
				if it := pick(); it.State == Active {
					to := away
					if it.board == away {
						to = b
					}
					if err := a.MoveToBoard(by, it, to, "topics", nil); err != nil {
						t.Fatal(err)
					}
				}
			case 6:
				raw, err := a.Export()
				if err != nil {
					t.Fatal(err)
				}
				c := New(Config{Now: func() time.Time { return now }, ItemsLimit: 1000})
				if err := c.Import(raw); err != nil {
					t.Fatal(err)
				}
				again, err := c.Export()
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(raw), string(again)); d != "" {
					t.Fatal(d)
				}
				a, b, away = c, c.Board(b.ID), c.Board(away.ID)
				for i := range all {
					all[i] = a.Item(all[i].ID)
				}
			}
		}
		check(t, a, b, all)
	})
}

func check(t *rapid.T, a *Account, b *Board, all []*Item) {
	ids := func(list []*Item) []int64 {
		out := []int64{}
		for _, it := range list {
			out = append(out, it.ID)
		}
		return out
	}
	var active []*Item
	for _, it := range all {
		if it.State == Active && it.board == b {
			active = append(active, it)
		}
	}
	if b.Count != len(active) {
		t.Fatalf("the board counts %d items, %d are active", b.Count, len(active))
	}
	for _, key := range []string{"", "a", "b", "c"} {
		var want []*Item
		for _, it := range active {
			if s, _ := it.Ref(b.Column("key")).Value().(string); s == key {
				want = append(want, it)
			}
		}
		got, err := a.ItemsByValues(b, []Match{{"key", []string{key}}})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(want, func(x, y *Item) int { return int(x.ID - y.ID) })
		if d := cmp.Diff(ids(want), ids(got)); d != "" {
			t.Fatalf("key %q: %s", key, d)
		}
	}
	recent, err := a.Select(b, Query{Order: []Order{{Column: byUpdate, Desc: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(recent, func(x, y *Item) int { return y.Updated.Compare(x.Updated) }) || len(recent) != len(active) {
		t.Fatalf("by last update: %v", ids(recent))
	}
	board, err := a.Select(b, Query{})
	if err != nil || len(board) != len(active) {
		t.Fatalf("in board order: %v %v", ids(board), err)
	}
	last := -1
	for _, it := range board {
		i := slices.Index(b.Groups, it.group)
		if i < last {
			t.Fatal("groups are mixed")
		}
		last = i
	}
}

// FuzzParse feeds every column type with odd values.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`null`, `""`, `{}`, `[]`, `{"index":1e99}`, `{"ids":{}}`, `{"personsAndTeams":[[]]}`, `{"item_ids":[null]}`, `{"date":5}`, `{"week":[]}`, `"1 2 3"`, `{"lat":"NaN","lng":"x"}`, `{"checked":{}}`, `{"labels":[{}]}`, `"\u0000 \ud83d\ude00"`} {
		f.Add(s, "x")
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	a, b := fixed(f, &now)
	var columns []*Column
	for typ := range kinds {
		if typ == "name" || typ == "unsupported" {
			continue
		}
		c, err := a.addColumn(b, NewColumn{Title: typ, Type: typ})
		if err != nil {
			f.Fatal(err)
		}
		columns = append(columns, c)
	}
	it, err := a.CreateItem(a.Users[0].ID, b, NewItem{Name: "i"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw, simple string) {
		v, err := decodeJSON(raw)
		for _, c := range columns {
			w := &write{a: a, board: b, col: c}
			for i, parse := range []func() (any, error){
				func() (any, error) { return w.parse(v) }, func() (any, error) { return w.parseSimple(simple) },
				func() (any, error) { x, _ := a.ImportCell(c, simple); return w.parse(x) },
			} {
				if i == 0 && err != nil {
					continue
				}
				out, err := parse()
				if err != nil || c.slot < 0 {
					continue
				}
				r := Ref{Item: it, Column: c, Cell: &Cell{V: out, At: now}}
				a.Text(r, time.UTC)
				a.Raw(r)
				a.eventValue(c, r.Cell)
			}
		}
	})
}

func TestPlaces(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	a, b := fixed(t, &now)
	by := a.Users[0].ID
	add := func(name, method string, to int64) int64 {
		it, err := a.CreateItem(by, b, NewItem{Name: name, Method: method, RelativeTo: to})
		if err != nil {
			t.Fatal(err)
		}
		return it.ID
	}
	first := add("1", "", 0)
	add("2", "", 0)
	add("top", "after_at", 0)
	add("bottom", "before_at", 0)
	add("before 1", "before_at", first)
	add("after 1", "after_at", first)
	list, err := a.Select(b, Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range list {
		got = append(got, it.Name)
	}
	if d := cmp.Diff([]string{"top", "before 1", "1", "after 1", "2", "bottom"}, got); d != "" {
		t.Error(d)
	}
}

func TestBoardCapacity(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	a, b := fixed(t, &now)
	a.ItemsLimit = 2
	for i := range 2 {
		if _, err := a.CreateItem(a.Users[0].ID, b, NewItem{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.CreateItem(a.Users[0].ID, b, NewItem{Name: "one too many"})
	if err == nil || err.Error() != "ItemsLimitationException: Board items limit of 2 has been reached" {
		t.Errorf("%v", err)
	}
}
