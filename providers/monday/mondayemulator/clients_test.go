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

// npmClients is the folder, shared by the emulators' tests, in which client libraries are installed.
const npmClients = "../../../testdata/clients"

// TestOfficialClients lets the vendor's own packages talk to the emulator, unchanged.
func TestOfficialClients(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not at hand")
	}
	modules, err := filepath.Abs(filepath.Join(npmClients, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"@mondaydotcomorg/api", "monday-sdk-js"} {
		if _, err := os.Stat(filepath.Join(modules, filepath.FromSlash(name))); err != nil {
			t.Skipf("%s is not installed; run: npm ci --omit=optional --ignore-scripts in testdata/clients", name)
		}
	}
	c := start(t, Options{})
	b := c.board("Deals")
	c.column(b, "note", "text", nil)
	c.column(b, "stage", "status", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "clients.cjs"), strings.TrimPrefix(c.url, "http://"), "token", b)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
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
