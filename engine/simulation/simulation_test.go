package simulation

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// play runs one seed in a bubble of its own.
func play(t *testing.T, o Options) *Report {
	t.Helper()
	o.Dir = dir(t)
	var r *Report
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = Run(t.Context(), o); err != nil {
			t.Fatalf("seed %d: %v", o.Seed, err)
		}
	})
	return r
}

func TestASeedDecidesEverything(t *testing.T) {
	if os.Getenv("SEED") != "" {
		t.Skip("one run is asked for")
	}
	for seed := uint64(1); seed <= number(t, "TWICE", 6); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: seed, Without: chosenRun(t).Without}
			first, second := play(t, o), play(t, o)
			if first.Hash == second.Hash {
				return
			}
			for i := range min(len(first.Trace), len(second.Trace)) {
				if first.Trace[i] != second.Trace[i] {
					t.Fatalf("two runs part at line %d:\n%s\n%s\nafter\n%s", i, first.Trace[i], second.Trace[i], strings.Join(first.Trace[max(0, i-10):i], "\n"))
				}
			}
			t.Errorf("one run has %d lines, the other %d", len(first.Trace), len(second.Trace))
		})
	}
}

// dir is a folder for ledgers: in memory where the system has such a place, because a disk's every sync takes real time.
func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("/dev/shm", "accord-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func tell(r *Report, tail int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d steps, trouble: %s\n", r.Seed, r.Steps-len(r.Skip), r.Mix)
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  %s: %s\n", v.Oracle, v.Detail)
	}
	if tail > 0 {
		lines := r.Trace[max(0, len(r.Trace)-tail):]
		fmt.Fprintf(&b, "  the last %d of %d lines of the trace:\n%s\n", len(lines), len(r.Trace), strings.Join(lines, "\n"))
	}
	return b.String()
}

// shrunken tells the smallest run found that fails as r does.
func shrunken(t *testing.T, r *Report, atMost time.Duration) string {
	small := shrink(t, r, atMost)
	return fmt.Sprintf("the smallest run found that fails so:\n%s\n%s", again(small.Options), tell(small, 80))
}

func TestAgreementSurvivesTheStorm(t *testing.T) {
	if o := chosenRun(t); o.Seed != 0 {
		begun, sum := time.Now(), figures{}
		r := play(t, o)
		if len(r.Violations) > 0 {
			t.Error(tell(r, len(r.Trace)))
			if o.Steps == 0 {
				t.Error(shrunken(t, r, 2*time.Minute))
			}
		}
		sum.add(r)
		sum.print(os.Stdout, time.Since(begun))
		return
	}
	otherwise := uint64(100)
	if testing.Short() {
		otherwise = 10
	}
	begun, from := time.Now(), number(t, "FROM", 1)
	var mu sync.Mutex
	var sum figures
	var first *Report
	t.Run("seeds", func(t *testing.T) {
		for seed := from; seed < from+number(t, "SEEDS", otherwise); seed++ {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				r := play(t, Options{Seed: seed})
				sum.add(r)
				if len(r.Violations) == 0 {
					return
				}
				t.Error(tell(r, 40))
				t.Logf("again, and the whole trace: make simulate SEED=%d", r.Seed)
				mu.Lock()
				defer mu.Unlock()
				if first == nil || r.Seed < first.Seed {
					first = r
				}
			})
		}
	})
	sum.print(os.Stdout, time.Since(begun))
	if first != nil {
		t.Error(shrunken(t, first, time.Minute))
	}
}
