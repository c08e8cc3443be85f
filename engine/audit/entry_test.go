package audit_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/engine/audit"
)

func entry() *rapid.Generator[audit.Entry] {
	return rapid.Custom(func(t *rapid.T) audit.Entry {
		text := rapid.StringN(0, 4, -1)
		return audit.Entry{
			At: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at")), Connection: text.Draw(t, "connection"), Operation: text.Draw(t, "operation"),
			Initiator: text.Draw(t, "initiator"), Request: text.Draw(t, "request"), Status: rapid.IntRange(0, 9).Draw(t, "status"),
			Rows: rapid.IntRange(0, 9).Draw(t, "rows"), RequestID: text.Draw(t, "id"), Error: text.Draw(t, "error"),
			Duration: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "duration")),
		}
	})
}

func chain(t *rapid.T) []audit.Entry {
	var list []audit.Entry
	var last audit.Entry
	for _, e := range rapid.SliceOfN(entry(), 2, 8).Draw(t, "entries") {
		last = audit.Chain(last, e)
		list = append(list, last)
	}
	return list
}

func verify(list []audit.Entry) audit.Report {
	var v audit.Verifier
	for _, e := range list {
		v.Add(e)
	}
	return v.Report
}

func TestSoundChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := chain(t)
		r := verify(list)
		if !r.OK() || r.Entries != int64(len(list)) || r.Last != list[len(list)-1] {
			t.Fatalf("report: %+v", r)
		}
		// From a trusted entry on.
		v := audit.Verifier{Report: audit.Report{Last: list[0]}}
		for _, e := range list[1:] {
			if !v.Add(e) {
				t.Fatalf("report: %+v", v.Report)
			}
		}
	})
}

// Any single change of any entry, but the newest's removal, shows at or right after the place where it was made.
func TestTampering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := chain(t)
		n := rapid.IntRange(0, len(list)-1).Draw(t, "entry")
		was := list[n]
		switch rapid.SampledFrom([]string{"at", "connection", "operation", "shift", "status", "duration", "hash", "prev", "remove", "swap"}).Draw(t, "change") {
		case "at":
			list[n].At = was.At.Add(time.Millisecond)
		case "connection":
			list[n].Connection += "x"
		case "operation":
			list[n].Operation = strings.ToUpper(was.Operation) + "x"
		case "shift": // the same text, cut elsewhere
			list[n].Connection, list[n].Operation = was.Connection+was.Operation+"x", ""
		case "status":
			list[n].Status++
		case "duration":
			list[n].Duration += time.Millisecond
		case "hash":
			list[n].Hash = strings.Repeat("0", 64)
		case "prev":
			list[n].PrevHash += "0"
		case "remove":
			if n == len(list)-1 {
				t.Skip("nothing shows that the newest is missing")
			}
			list = append(list[:n], list[n+1:]...)
		case "swap":
			m := (n + 1) % len(list)
			list[n], list[m] = list[m], list[n]
		}
		if r := verify(list); r.OK() || r.Problem == "" {
			t.Fatalf("entry %d was changed, and nobody noticed", n+1)
		}
	})
}

// The form of the hash is for ever: a log written today must verify with any later accord.
func TestHashForEver(t *testing.T) {
	e := audit.Chain(audit.Entry{}, audit.Entry{
		At: time.Date(2026, 11, 23, 9, 0, 0, 1_999_999, time.UTC), Connection: "monday.work", Operation: "create_item", Initiator: "ann", Request: "50 items",
		Status: 200, Rows: 50, RequestID: "r-1", Duration: 1_999_999 * time.Nanosecond, Error: "none",
	})
	if want := "57f8d4c41659d6d2908f44e8f292c57f07ddc4cf2d2ba20dfd1d978bc844ecdc"; e.Hash != want {
		t.Fatalf("hash %s, want %s", e.Hash, want)
	}
}
