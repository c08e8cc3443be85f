package sheet_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"accord/cmd/accord/internal/sheet"
)

// TestRoundTrip: what is written reads back, and no cell begins like a formula.
func TestRoundTrip(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		s := rapid.OneOf(rapid.StringMatching(`'{0,2}[=+\-@|%]?[a-zA-Z0-9 ,;"'\n]{0,12}`), rapid.String()).Draw(t, "text")
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
		return strings.TrimSpace(strings.ToValidUTF8(s, "?"))
	})
	full := rapid.Custom(func(t *rapid.T) string { return "x" + text.Draw(t, "more") })
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sheet.Row {
			return sheet.Row{Object: full.Draw(t, "object"), System: "monday", ID: full.Draw(t, "id"), Values: text.Draw(t, "values"),
				OtherID: "1", Score: rapid.IntRange(0, 100).Draw(t, "score"), OtherValues: text.Draw(t, "other"), Note: text.Draw(t, "note"),
				Decision: rapid.SampledFrom([]string{"", "pair", "create", "ignore"}).Draw(t, "decision")}
		}), 1, 4).Draw(t, "rows")
		var b bytes.Buffer
		if err := sheet.Write(&b, want); err != nil {
			t.Fatal(err)
		}
		cells, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range cells {
			for _, c := range row {
				if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r|%") {
					t.Fatalf("cell %q is a formula to a spreadsheet", c)
				}
			}
		}
		got, problems, err := sheet.Read(&b)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(sheet.Row{}, "Line")); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		want     []sheet.Row
		problems []sheet.Problem
		err      string
	}{
		"saved by a spreadsheet": {"\ufeffDecision;ID;System;object;other_id;my own\r\nPAIR;001A;salesforce;client;77;x\r\n;;;;;\r\n", []sheet.Row{
			{Line: 2, Object: "client", System: "salesforce", ID: "001A", OtherID: "77", Decision: "pair"}}, nil, ""},
		"short rows":     {"object,system,id,other_id,decision\nclient,monday\n", []sheet.Row{{Line: 2, Object: "client", System: "monday"}}, []sheet.Problem{{2, "column id is empty"}}, ""},
		"empty":          {"", nil, nil, "empty"},
		"another file":   {"a,b,c\n1,2,3\n", nil, nil, `no column "object"`},
		"a column twice": {"object,system,id,other_id,decision,id\n", nil, nil, `"id" twice`},
		"not UTF-8":      {"object,system,id,other_id,decision\nclient,monday,1,,\nclient,monday,\xff,,\n", nil, nil, "line 3"},
		"broken quotes":  {"object,system,id,other_id,decision\nclient,monday,\"1\"2,,\n", nil, nil, "line 2"},
		"an open quote":  {"object,system,id,other_id,decision\n\"client", nil, nil, "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, problems, err := sheet.Read(strings.NewReader(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one about %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got) + cmp.Diff(c.problems, problems); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	if _, _, err := sheet.Read(bytes.NewReader(make([]byte, sheet.MaxSize+1))); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("object,system,id,other_id,decision\nclient,monday,1,,\"pa\nir\"\n"))
	f.Add([]byte("object;system;id;other_id;decision\n'=1;\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, _, err := sheet.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Line < 2 {
				t.Fatalf("a row on line %d", r.Line)
			}
		}
	})
}
