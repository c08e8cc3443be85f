package view_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"accord/cmd/accord/internal/view"
	"accord/engine/apply"
	"accord/engine/audit"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/pipeline"
	"accord/engine/plan"
	"accord/engine/record"
	"accord/engine/resource"
)

// hostile are names that people and vendors may come up with.
var hostile = map[string]string{
	"line breaks":          "a\nb\r\nc\vd\fe\u0085f\u2028g\u2029h",
	"tabs":                 "a\tb\t\tc",
	"escape codes":         "a\x1b[2J\x1b]0;title\x07b\x1b[31m",
	"one-byte escapes":     "a\u009b2Jb\u009d0;title\u009cc",
	"NUL and DEL":          "a\x00b\x7fc\bd",
	"not UTF-8":            "a\xff\xfeb\x9b2J",
	"direction overrides":  "a\u202eb\u2066c\u2069d\u200fe\u061cf",
	"right to left":        "שלום עולם",
	"emoji":                strings.Repeat("👩‍💻😀", 40),
	"emoji, few and large": strings.Repeat("😀", 30),
	"long":                 strings.Repeat("x", 10000),
	"verbs":                "%s%d%!(EXTRA)%",
	"empty":                "",
}

// texts renders every view with one text in all places that come from outside.
func texts(x string) map[string]func(io.Writer) error {
	change := func(a resource.Action) resource.Change {
		return resource.Change{Action: a, Differences: []resource.Difference{{Path: x, Before: x, After: []any{x}}}, Want: resource.Resource{
			Address: "monday.work/board/" + x, Connection: "monday.work", Kind: x, Name: x, Managed: true, Attributes: map[string]any{"title": x, x: "y"},
		}}
	}
	p := &plan.Plan{
		Digest:    digest,
		Rules:     []plan.RuleChange{{Action: resource.Update, Address: x, Source: x, Changes: []resource.Difference{{Path: x, Before: x, After: x}}}},
		Owners:    []plan.OwnerChange{{Address: x, Before: x, After: x, Source: x}},
		Structure: []resource.Change{change(resource.Create), change(resource.Update), change(resource.Adopt)},
		Forget:    []resource.Change{change(resource.Forget)},
		Data: []plan.Forecast{{Object: x, Basis: plan.BasisExact, Creates: [2]int{1, 1}, Fields: map[string][2]int{x: {1, 1}}, Held: map[string]int{x: 1},
			Samples: []plan.Sample{{Action: "create", ID: x, Name: x, Detail: x}}}},
		Warnings: []string{x}, Blocked: []plan.Block{{Address: x, Reason: x, Remedy: x, Source: x}},
	}
	letter := ledger.DeadLetter{Object: x, RecordID: x, Payload: []byte(x), Kind: "invalid", Code: x, Message: x, RequestID: x, Remedy: x, Fields: []string{x, x}, CreatedAt: moment, State: "open"}
	conflict := ledger.Conflict{Object: x, Field: x, Reason: "fight", Left: record.OfText(x), Right: record.OfChoice(x), Base: record.OfText(x), Detail: x, Remedy: x, CreatedAt: moment, State: "open"}
	reversal := &pipeline.Reversal{Run: "r1", Changes: []pipeline.ReversedRecord{
		{Object: x, RecordID: x, Skipped: x},
		{Object: x, RecordID: x, Fields: []pipeline.ReversedField{{Name: x, Skipped: x}, {Name: x, Now: record.OfText(x), Before: record.OfText(x)}}},
	}}
	return map[string]func(io.Writer) error{
		"plan": func(w io.Writer) error { return view.Plan(w, p, plain) },
		"status": func(w io.Writer) error {
			return view.Status(w, view.StatusOf([]ledger.ObjectStats{{Object: x}}, map[string]pipeline.Halt{x: {Detail: x, Remedy: x}}), plain)
		},
		"dead letters": func(w io.Writer) error { return view.DeadLetters(w, []ledger.DeadLetter{letter}, plain) },
		"dead letter":  func(w io.Writer) error { return view.DeadLetter(w, letter, plain) },
		"conflicts":    func(w io.Writer) error { return view.Conflicts(w, []ledger.Conflict{conflict}, plain) },
		"conflict":     func(w io.Writer) error { return view.Conflict(w, conflict, plain) },
		"reversal":     func(w io.Writer) error { return view.Reversal(w, reversal, plain) },
		"trigger": func(w io.Writer) error {
			return view.ExplainTrigger(w, view.Trigger{Name: x, Firings: firings(x), Occasions: []ledger.Occasion{{EventID: x, Event: x, Trigger: x, Error: x}}}, plain)
		},
		"explanation": func(w io.Writer) error { return view.Explain(w, explanation(x, conflict, letter), "", plain) },
		"step": func(w io.Writer) error {
			return view.ApplyStep(w, apply.Step{Change: change(resource.Create), Outcome: apply.Failed, Err: errors.New(x)}, plain)
		},
		"audit": func(w io.Writer) error {
			return view.Audit(w, []audit.Entry{{Connection: x, Operation: x, Request: x, Initiator: x, RequestID: x, Error: x}})
		},
		"runs": func(w io.Writer) error { return view.Runs(w, []ledger.Run{{ID: "r1", Kind: x, Summary: []byte(x)}}) },
		"meter": func(w io.Writer) error {
			now := moment
			m := view.NewMeter(w, plain, func() time.Time { return now })
			now = now.Add(time.Minute)
			m.Progress(pipeline.Progress{Object: x, Phase: x})
			return nil
		},
	}
}

func explanation(x string, c ledger.Conflict, d ledger.DeadLetter) view.Explanation {
	f := &contract.Field{Name: "f", Owner: contract.OwnerEither}
	for _, side := range record.Sides {
		f.Ends[side] = []contract.NativeField{{Name: x}}
	}
	e := &pipeline.Explanation{
		Explanation: &ledger.Explanation{
			Pending: &ledger.PendingInfo{Reason: x}, Conflicts: []ledger.Conflict{c}, DeadLetters: []ledger.DeadLetter{d},
			Firings: firings(x), Occasions: []ledger.Occasion{{EventID: x, Event: x, Trigger: x, Error: x}},
			Writes: []ledger.Write{{Cause: x, BatchID: "b", After: record.Fields{x: record.OfText(x)}, Before: record.Fields{x: record.OfText(x)}}},
		},
		Object: &contract.Object{Name: x, Fields: []*contract.Field{f}}, Problem: errors.New(x),
		Halted: &pipeline.Halt{Detail: x},
	}
	e.Pair.Object = x
	e.Seen[0] = &record.Record{ID: x, Actor: x}
	e.Now[0] = map[string]record.Value{"f": record.OfText(x)}
	return view.Explanation{Explanation: e, Calls: map[string]audit.Entry{"b": {Operation: x, RequestID: x}}}
}

func render(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextFromOutsideNeitherBreaksLinesNorDrivesTheTerminal(t *testing.T) {
	harmless := texts("name")
	for name, x := range hostile {
		for what, write := range texts(x) {
			t.Run(what+"/"+name, func(t *testing.T) {
				got := render(t, write)
				if want, n := strings.Count(render(t, harmless[what]), "\n"), strings.Count(got, "\n"); n != want && x != "" {
					t.Errorf("%d lines, want %d:\n%q", n, want, got)
				}
				if !utf8.ValidString(got) {
					t.Errorf("it is not UTF-8: %q", got)
				}
				for _, r := range got {
					if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029') {
						t.Fatalf("%U is written: %q", r, got)
					}
				}
			})
		}
	}
}

func TestLettersOfEveryScriptStay(t *testing.T) {
	for _, x := range []string{"שלום עולם", "العقد", "契約", "👩‍💻", "naïve €"} {
		for what, write := range texts(x) {
			if got := render(t, write); !strings.Contains(got, x) {
				t.Errorf("%s does not show %s:\n%s", what, x, got)
			}
		}
	}
}
