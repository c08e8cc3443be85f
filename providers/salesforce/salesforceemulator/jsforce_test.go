package salesforceemulator

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestJSForce lets the most used client library work against the emulator, unchanged. It needs node and a folder in
// which "npm install jsforce" was run, named by ACCORD_JSFORCE_DIR.
func TestJSForce(t *testing.T) {
	dir := os.Getenv("ACCORD_JSFORCE_DIR")
	if dir == "" {
		t.Skip("ACCORD_JSFORCE_DIR does not name a folder with jsforce in its node_modules")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	c := serve(t)
	withKey(t, c)
	a := c.token(map[string][]string{"grant_type": {"client_credentials"}, "client_id": {testClientID}, "client_secret": {testSecret}})
	token, _ := a.get("access_token").(string)
	script, err := filepath.Abs("testdata/jsforce.cjs")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script)
	cmd.Env = append(os.Environ(), "SF_URL="+c.srv.URL, "SF_TOKEN="+token, "SF_NOW="+testStart.Format(time.RFC3339), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
