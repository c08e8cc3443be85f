package simulation

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// shrink looks for a smaller run that breaks the same oracle: without kinds of trouble that it can do without, and with
// fewer steps. It gives up after a while.
func shrink(t *testing.T, r *Report, atMost time.Duration) *Report {
	t.Helper()
	begun, best := time.Now(), Options{Seed: r.Seed, Steps: r.Steps}
	oracle := r.Violations[0].Oracle
	try := func(o Options) bool {
		if time.Since(begun) > atMost {
			return false
		}
		again := play(t, o)
		if !slices.ContainsFunc(again.Violations, func(v Violation) bool { return v.Oracle == oracle }) {
			return false
		}
		r, best = again, o
		return true
	}
	for _, k := range Kinds {
		o := best
		o.Without = append(slices.Clone(best.Without), k)
		try(o)
	}
	for cut := best.Steps / 2; cut > 0; {
		o := best
		o.Steps -= cut
		if o.Steps < 1 || !try(o) {
			cut /= 2
		}
	}
	t.Logf("the smallest run found: %s", fmt.Sprintf("seed %d, %d steps, trouble: %s", r.Seed, r.Steps, r.Mix))
	return r
}
