package org

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// follower rebuilds the records from the change feed alone.
type follower struct {
	t    *rapid.T
	rows map[string]map[string]any
	last int64
}

func (f *follower) Publish([]changefeed.PlatformEvent) {}

func (f *follower) Commit(changes []changefeed.Change) {
	for i, c := range changes {
		if c.Sequence != i+1 || c.Transaction != changes[0].Transaction || c.CommitNumber <= f.last {
			f.t.Fatalf("change %d of a transaction: sequence %d, number %d after %d", i, c.Sequence, c.CommitNumber, f.last)
		}
		id := c.RecordIDs[0]
		switch c.Type {
		case changefeed.Create, changefeed.Undelete, changefeed.Update:
			if c.Type != changefeed.Create && fmt.Sprint(c.Before) != fmt.Sprint(f.rows[id]) && f.rows[id] != nil {
				f.t.Fatalf("%s of %s starts from %v; we had %v", c.Type, id, c.Before, f.rows[id])
			}
			f.rows[id] = c.After
		case changefeed.Delete:
			delete(f.rows, id)
		}
	}
	f.last = changes[len(changes)-1].CommitNumber
}

// Whatever happens, in transactions kept or taken back: unique values are unique, every way to find a record agrees with
// a plain scan, and the change feed alone is enough to know what the org holds.
func TestStoreAgainstItsFeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		o, err := New(Options{Clock: func() time.Time { return now }, Seed: 3, Username: "integration@acme.example"})
		if err != nil {
			t.Fatal(err)
		}
		f := &follower{t: t, rows: map[string]map[string]any{}}
		o.SetSink(f)
		tx := o.Begin(o.loader())
		m := &metadata.FieldMetadata{Type: "Text", Label: "Key", Length: 10, ExternalID: true, Unique: true}
		if _, err := tx.DefineField("Account", "Key__c", m); err != nil {
			t.Fatal(err)
		}
		if err := tx.GrantToProfiles("Account"); err != nil {
			t.Fatal(err)
		}
		tx.Commit()
		f.rows = map[string]map[string]any{}
		var ids []string
		key := rapid.SampledFrom([]any{"a", "A", "b", "c", nil})
		for range rapid.IntRange(1, 12).Draw(t, "transactions") {
			now = now.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "seconds")) * time.Second)
			tx := o.Begin(o.as())
			var made []string
			for range rapid.IntRange(1, 6).Draw(t, "statements") {
				mark := tx.Savepoint()
				id := ""
				if len(ids) > 0 {
					id = rapid.SampledFrom(ids).Draw(t, "id")
				}
				var err *Error
				switch rapid.SampledFrom([]string{"insert", "update", "delete", "undelete", "upsert"}).Draw(t, "op") {
				case "insert":
					id, err = tx.Insert("Account", Fields{"Name": "x", "Key__c": key.Draw(t, "key")})
					if err == nil {
						made = append(made, id)
					}
				case "update":
					err = tx.Update("Account", id, Fields{"Key__c": key.Draw(t, "key")})
				case "delete":
					err = tx.Delete("Account", id)
				case "undelete":
					err = tx.Undelete(id)
				case "upsert":
					_, err = tx.Upsert("Account", "Key__c", key.Draw(t, "key"), Fields{"Name": "u"}, false)
				}
				if err != nil || rapid.IntRange(0, 5).Draw(t, "regret") == 0 {
					tx.RollbackTo(mark)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "keep") > 0 {
				tx.Commit()
				for _, id := range made {
					if _, ok := func() (any, bool) { v := o.View(o.as()); defer v.Commit(); return v.Values("Account", id) }(); ok {
						ids = append(ids, id)
					}
				}
			} else {
				tx.Rollback()
			}
			checkStore(t, o, f)
		}
	})
}

func checkStore(t *rapid.T, o *Org, f *follower) {
	tbl := o.table("Account")
	keySlot := tbl.def.Field("Key__c").Slot
	byKey, live := map[string][]string{}, map[string]bool{}
	var order []string
	for _, r := range tbl.order {
		order = append(order, r.id)
		if tbl.isDeleted(r.cells) {
			continue
		}
		live[r.id] = true
		if k, ok := indexKey(r.get(keySlot)); ok {
			byKey[k] = append(byKey[k], r.id)
		}
	}
	if !sort.StringsAreSorted(order) || len(order) != len(tbl.rows) {
		t.Fatalf("rows out of order: %v", order)
	}
	for k, ids := range byKey {
		if len(ids) > 1 {
			t.Fatalf("the unique key %q is held by %v", k, ids)
		}
		if got := tbl.find(tbl.def.Field("Key__c"), strings.ToUpper(k)); len(got) != 1 || got[0].id != ids[0] {
			t.Fatalf("the index of %q gives %v; want %v", k, got, ids)
		}
	}
	if n := len(tbl.idx[keySlot].one); n != len(byKey) {
		t.Fatalf("the index has %d keys, the rows %d", n, len(byKey))
	}
	seen := map[string]bool{}
	last := ""
	for _, e := range tbl.modified("") {
		if !e.current() {
			continue
		}
		if seen[e.row.id] || e.stamp < last || e.stamp != e.row.get(tbl.stampSlot) {
			t.Fatalf("the modification log has %s at %s twice, late or wrong", e.row.id, e.stamp)
		}
		seen[e.row.id], last = true, e.stamp
	}
	if len(seen) != len(tbl.rows) {
		t.Fatalf("the modification log knows %d of %d rows", len(seen), len(tbl.rows))
	}
	if len(f.rows) != len(live) {
		t.Fatalf("the feed knows %d live records, the store %d", len(f.rows), len(live))
	}
	for id, row := range f.rows {
		if !live[id] || fmt.Sprint(tbl.values(tbl.rows[id].cells)) != fmt.Sprint(row) {
			t.Fatalf("record %s is %v; the feed says %v", id, tbl.values(tbl.rows[id].cells), row)
		}
	}
}

func FuzzFormula(f *testing.F) {
	for _, s := range []string{`AND(Amount > 1000, ISBLANK(NextStep))`, `IF(A = "x" && !B, 1/0, TODAY() - C)`, `((((`, `"`, `1.1.1`, `a.`, `-----1`, `REGEX(A, "(")`} {
		f.Add(s)
	}
	o, err := New(Options{Clock: func() time.Time { return time.Unix(0, 0) }, Username: "i@acme.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := parseFormula(s)
		if err != nil {
			return
		}
		tx := o.View(o.as())
		defer tx.Commit()
		tbl := o.table("Opportunity")
		parsed.eval(&formulaEnv{tx: tx, d: &draft{t: tbl, cells: []cell{}}})
	})
}
