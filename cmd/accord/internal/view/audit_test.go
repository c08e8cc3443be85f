package view

import "testing"

func TestSummaryText(t *testing.T) {
	for raw, want := range map[string]string{
		``: "",
		`{"objects":{"deal":{"seen":9,"written":1200},"client":{"seen":3,"written":0}}}`: "deal: 1,200 written",
		`{"objects":{"deal":{"seen":9}},"error":"ended with an error"}`:                  "nothing written, ended with an error",
		`{"activated":true,"failed":1,"steps":56}`:                                       "56 steps, 1 failed",
		`[1]`: "[1]",
	} {
		if got := summaryText([]byte(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}
