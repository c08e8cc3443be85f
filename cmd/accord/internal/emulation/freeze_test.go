package emulation

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestWhatIsKilledAfterAFreezeHasLostNothing takes both vendors away without closing them.
func TestWhatIsKilledAfterAFreezeHasLostNothing(t *testing.T) {
	dir := t.TempDir()
	start := func() *Emulation {
		e, err := Start(Options{StateDir: dir, Seed: 3, Plan: "enterprise", Logger: hclog.NewNullLogger()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() }) // one of them stands for a process that was killed
		return e
	}
	call := func(e *Emulation, method, address, token string, body any, into any) error {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if into == nil {
			return nil
		}
		return json.NewDecoder(resp.Body).Decode(into)
	}
	bearer := func(e *Emulation) string { return "Bearer " + e.Get("SF_ACCESS_TOKEN") }
	query := map[string]string{"query": `mutation { create_workspace(name: "Sales", kind: open) { id } }`}

	e := start()
	var account struct{ ID string }
	if err := call(e, http.MethodPost, e.Get("SF_URL")+"/services/data/v68.0/sobjects/Account", bearer(e), map[string]string{"Name": "kept"}, &account); err != nil || account.ID == "" {
		t.Fatalf("%v, id %q", err, account.ID)
	}
	if err := call(e, http.MethodPost, e.Get("MONDAY_URL"), e.Get("MONDAY_TOKEN"), query, nil); err != nil {
		t.Fatal(err)
	}
	if err := call(e, http.MethodPost, e.Get("EMULATOR_ADMIN")+"/freeze", "", nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{e.Get("SF_URL") + "/services/data/", e.Get("MONDAY_URL")} {
		if err := call(e, http.MethodPost, address, bearer(e), query, nil); err == nil {
			t.Errorf("%s still answers", address)
		}
	}

	e = start()
	var kept struct{ Name string }
	if err := call(e, http.MethodGet, e.Get("SF_URL")+"/services/data/v68.0/sobjects/Account/"+account.ID, bearer(e), nil, &kept); err != nil || kept.Name != "kept" {
		t.Errorf("%v, the account is %+v", err, kept)
	}
	var there struct {
		Data struct{ Workspaces []struct{ Name string } }
	}
	if err := call(e, http.MethodPost, e.Get("MONDAY_URL"), e.Get("MONDAY_TOKEN"), map[string]string{"query": `{ workspaces { name } }`}, &there); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, w := range there.Data.Workspaces {
		found = found || w.Name == "Sales"
	}
	if !found {
		t.Errorf("the workspaces are %+v", there.Data.Workspaces)
	}
}
