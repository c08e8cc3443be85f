package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/engine/record"
)

// today is the day on which all tests are run.
func today() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func source(t *testing.T, paths ...string) Source {
	t.Helper()
	var src Source
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		src.Files = append(src.Files, File{Name: filepath.Base(p), Content: b})
	}
	return src
}

// parse parses a contract that has no mistake.
func parse(t *testing.T, src Source) *Contract {
	t.Helper()
	c, diags := Parse(src, WithClock(today), WithVersion("0.1.0"))
	if len(diags) > 0 {
		var out strings.Builder
		WriteDiagnostics(&out, src, diags, 100, false)
		t.Fatalf("the contract has mistakes:\n%s", out.String())
	}
	return c
}

func TestDesignExample(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "design", "deals.accord.hcl")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the design's example contract is not there: %v", err)
	}
	c := parse(t, source(t, path))
	deal := c.Object("deal")
	if deal == nil || len(deal.Fields) != 9 || deal.Field("stage").Picklist == nil {
		t.Fatalf("object deal is not what the example says: %+v", deal)
	}
	if got := deal.Ends[record.Left].Settings["where"]; got != "Amount >= 0" {
		t.Errorf("where = %q", got)
	}
}
