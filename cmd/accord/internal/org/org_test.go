package org_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/cmd/accord/internal/org"
)

func options(seed uint64) org.Options {
	return org.Options{Seed: seed, Users: 120, Accounts: 200, Contacts: 300, Opportunities: 800, Today: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
}

var files = []string{"Users.json", "Accounts.json", "Contacts.json", "Opportunitys.json", "org-plan.json"}

// written makes an org up and reads the files back, by name.
func written(t *testing.T, o org.Options) (map[string][]byte, org.Counts) {
	t.Helper()
	dir := t.TempDir()
	counts, err := org.Write(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	for _, e := range entries {
		if contents[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return contents, counts
}

func records(t *testing.T, text []byte) []map[string]any {
	t.Helper()
	var tree struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	return tree.Records
}

func TestSameSeedSameBytes(t *testing.T) {
	first, counts := written(t, options(7))
	again, countsAgain := written(t, options(7))
	other, _ := written(t, options(8))
	if d := cmp.Diff(counts, countsAgain); d != "" {
		t.Errorf("the same seed counts otherwise:\n%s", d)
	}
	if len(first) != len(files) {
		t.Errorf("%d files, want %v", len(first), files)
	}
	for _, name := range files {
		if len(first[name]) == 0 || !bytes.Equal(first[name], again[name]) {
			t.Errorf("%s is not the same for the same seed", name)
		}
		if name != "org-plan.json" && bytes.Equal(first[name], other[name]) {
			t.Errorf("%s is the same for another seed", name)
		}
	}
}

// TestCounts recounts in the files what Write says it made, and wants each oddity to be there.
func TestCounts(t *testing.T) {
	contents, counts := written(t, options(1))
	deals := records(t, contents["Opportunitys.json"])
	got := org.Counts{
		Users: len(records(t, contents["Users.json"])), Accounts: len(records(t, contents["Accounts.json"])),
		Contacts: len(records(t, contents["Contacts.json"])), Opportunities: len(deals),
	}
	seen := map[any]bool{}
	for _, d := range deals {
		if d["StageName"] == "Closed Won" {
			got.Won++
		}
		if d["AccountId"] == nil {
			got.NoAccount++
		}
		if d["CloseDate"] == nil {
			got.NoDate++
			if strings.HasPrefix(d["StageName"].(string), "Closed") {
				t.Errorf("closed on no day: %v", d)
			}
		}
		if seen[d["Name"]] {
			got.RepeatedNames++
		}
		seen[d["Name"]] = true
	}
	if d := cmp.Diff(got, counts); d != "" {
		t.Errorf("the files hold (-) and Write says (+):\n%s", d)
	}
	if got.Users != 120 || got.Accounts != 200 || got.Contacts != 300 || got.Opportunities != 800 {
		t.Errorf("not what was asked for: %+v", got)
	}
	if got.Won == 0 || got.NoAccount == 0 || got.NoDate == 0 || got.RepeatedNames == 0 {
		t.Errorf("an oddity is missing: %+v", got)
	}
	for what, in := range map[string]string{"emoji": "🚀", "quotes": `\"`} {
		if !bytes.Contains(contents["Opportunitys.json"], []byte(in)) {
			t.Errorf("no deal has %s in it", what)
		}
	}
}

func TestAddresses(t *testing.T) {
	for seed := range uint64(5) {
		contents, _ := written(t, options(seed))
		for name, fields := range map[string][]string{"Users.json": {"Email", "Username"}, "Contacts.json": {"Email"}} {
			for _, field := range fields {
				seen := map[string]bool{}
				for _, r := range records(t, contents[name]) {
					a, _ := r[field].(string)
					if seen[a] {
						t.Errorf("seed %d: %s of %s is there twice: %s", seed, field, name, a)
					}
					seen[a] = true
					if strings.ContainsFunc(a, func(c rune) bool { return c <= ' ' || c > '~' }) || strings.Count(a, "@") != 1 ||
						!strings.HasSuffix(a, "example.com") || strings.HasPrefix(a, ".") || strings.Contains(a, "..") {
						t.Errorf("seed %d: %s of %s is no plain address: %q", seed, field, name, a)
					}
				}
			}
		}
	}
}

// TestReferences loads the files in the plan's order: a reference names a record that was made before, and a file with
// references says that they are to be resolved.
func TestReferences(t *testing.T) {
	contents, _ := written(t, options(3))
	var plan []struct {
		SObject               string
		SaveRefs, ResolveRefs bool
		Files                 []string
	}
	if err := json.Unmarshal(contents["org-plan.json"], &plan); err != nil {
		t.Fatal(err)
	}
	var order []string
	made := map[string]bool{}
	for _, step := range plan {
		order = append(order, step.SObject)
		for _, file := range step.Files {
			for i, r := range records(t, contents[file]) {
				for field, v := range r {
					ref, is := v.(string)
					if !is || !strings.HasPrefix(ref, "@") {
						continue
					}
					if !made[ref[1:]] {
						t.Errorf("%s %d: %s is %s, which is not there yet", step.SObject, i, field, ref)
					}
					if !step.ResolveRefs {
						t.Fatalf("%s %d: %s is %s, and the plan does not resolve references", step.SObject, i, field, ref)
					}
				}
				attributes, _ := r["attributes"].(map[string]any)
				if attributes["type"] != step.SObject {
					t.Errorf("%s %d has the attributes %v", step.SObject, i, attributes)
				}
				if step.SaveRefs {
					made[fmt.Sprint(attributes["referenceId"])] = true
				}
			}
		}
	}
	if want := []string{"User", "Account", "Contact", "Opportunity"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

func TestWriteNowhere(t *testing.T) {
	if _, err := org.Write(filepath.Join(t.TempDir(), "absent"), options(1)); err == nil || !strings.Contains(err.Error(), "Users.json") {
		t.Errorf("err = %v, want one that names the file", err)
	}
}
