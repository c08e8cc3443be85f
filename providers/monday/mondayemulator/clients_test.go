package mondayemulator

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOfficialClients lets the vendor's own packages talk to the emulator, unchanged.
func TestOfficialClients(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not at hand")
	}
	dir := filepath.Join("testdata", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "monday-sdk-js")); err != nil {
		t.Skipf("the clients are not installed; run: npm ci --prefix %s", dir)
	}
	c := start(t, Options{})
	b := c.board("Deals")
	c.column(b, "note", "text", nil)
	c.column(b, "stage", "status", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "clients.cjs", strings.TrimPrefix(c.url, "http://"), "token", b)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	want := `{"step":"me","value":"Ada Lovelace"}
{"step":"items","value":[["from the client","\"many\""]]}
{"step":"raw","value":"Deals"}
{"step":"refusal","value":"ColumnValueException"}
{"step":"sdk","value":["Ada Lovelace","enterprise"]}
{"step":"sdk variables","value":"from the client"}
{"step":"sdk refusal","value":"undefinedField"}
`
	if d := cmp.Diff(want, string(out)); d != "" {
		t.Error(d)
	}
}
