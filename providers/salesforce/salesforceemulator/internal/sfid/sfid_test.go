package sfid

import (
	"testing"

	"pgregory.net/rapid"
)

// The pairs are ids seen in recorded answers of real orgs.
func TestNormalizeRealIDs(t *testing.T) {
	for _, id := range []string{
		"0014S000007NxmlQAC", "0034S000005YJVlQAO", "00Q4S000002sSacUAE",
		"a00D0000008pQRAIA2", "003q000000KvQ1tAAF", "012000000000000AAA",
	} {
		got, ok := Normalize(id[:15])
		if !ok || got != id {
			t.Errorf("Normalize(%q) = %q, %v; want %q", id[:15], got, ok, id)
		}
		if got, ok := Normalize(id); !ok || got != id {
			t.Errorf("Normalize(%q) = %q, %v", id, got, ok)
		}
	}
}

func TestNormalizeRejects(t *testing.T) {
	for _, id := range []string{"", "001", "0014S000007NxmlQAA", "0014S000007Nxm-QAC", "0014S000007NxmlQAC0", "0014S000007Nx é"} {
		if got, ok := Normalize(id); ok {
			t.Errorf("Normalize(%q) = %q; want a refusal", id, got)
		}
	}
}

func TestMakeOrderAndChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<40).Draw(t, "n")
		a, b := Make("001", "gL0", n), Make("001", "gL0", n+1)
		if a[:15] >= b[:15] {
			t.Fatalf("%s does not sort before %s", a, b)
		}
		if got, ok := Normalize(a[:15]); !ok || got != a {
			t.Fatalf("Normalize(%s) = %s, %v", a[:15], got, ok)
		}
	})
}
