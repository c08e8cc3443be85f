package simulation

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shrink looks for a smaller run that breaks the same oracle: without kinds of trouble that it can do without, with
// fewer steps, and without those in between that change nothing. It gives up after a while of real time.
func shrink(t *testing.T, r *Report, atMost time.Duration) *Report {
	t.Helper()
	begun, oracle := time.Now(), r.Violations[0].Oracle
	try := func(o Options) bool {
		if time.Since(begun) > atMost {
			return false
		}
		again := play(t, o)
		if !slices.ContainsFunc(again.Violations, func(v Violation) bool { return v.Oracle == oracle }) {
			return false
		}
		r = again
		return true
	}
	without := func(kinds ...Kind) bool {
		o := r.Options
		o.Without = slices.Concat(r.Without, kinds)
		return try(o)
	}
	// What never struck goes at once, and then what struck, kind by kind.
	without(slices.DeleteFunc(slices.Clone(Kinds), func(k Kind) bool { return r.Faults[k] > 0 || slices.Contains(r.Without, k) })...)
	drop := func() {
		for _, k := range Kinds {
			if r.Faults[k] > 0 {
				without(k)
			}
		}
	}
	drop()
	for cut := r.Steps / 2; cut > 0; {
		o := r.Options
		if o.Steps -= cut; o.Steps < 1 || !try(o) {
			cut /= 2
		}
	}
	for size := r.Steps / 2; size > 0; size /= 2 {
		for from := 0; from < r.Steps; from += size {
			o := r.Options
			for i := from; i < min(from+size, r.Steps); i++ {
				if !slices.Contains(o.Skip, i) {
					o.Skip = append(slices.Clip(o.Skip), i)
				}
			}
			if len(o.Skip) > len(r.Skip) && len(o.Skip) < r.Steps {
				try(o)
			}
		}
	}
	drop()
	return r
}

// again is the line that repeats a run exactly.
func again(o Options) string {
	line := fmt.Sprintf("make simulate SEED=%d STEPS=%d", o.Seed, o.Steps)
	if len(o.Skip) > 0 {
		slices.Sort(o.Skip)
		var list []string
		for _, n := range o.Skip {
			list = append(list, strconv.Itoa(n))
		}
		line += " SKIP=" + strings.Join(list, ",")
	}
	if len(o.Without) > 0 {
		var list []string
		for _, k := range o.Without {
			list = append(list, string(k))
		}
		line += " WITHOUT=" + strings.Join(list, ",")
	}
	return line
}

// chosenRun is the run that the environment asks for, as again prints it; its Seed is 0 where it asks for none.
func chosenRun(t *testing.T) Options {
	t.Helper()
	o := Options{Seed: number(t, "SEED", 0), Steps: int(number(t, "STEPS", 0))}
	split := func(r rune) bool { return r == ',' || r == ' ' }
	for _, text := range strings.FieldsFunc(os.Getenv("SKIP"), split) {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SKIP: %v", err)
		}
		o.Skip = append(o.Skip, n)
	}
	for _, text := range strings.FieldsFunc(os.Getenv("WITHOUT"), split) {
		if !slices.Contains(Kinds, Kind(text)) {
			t.Fatalf("WITHOUT: there is no kind of trouble %q: %v", text, Kinds)
		}
		o.Without = append(o.Without, Kind(text))
	}
	return o
}

// TestAPrintedRunIsTheRun reads back what a failure prints.
func TestAPrintedRunIsTheRun(t *testing.T) {
	o := Options{Seed: 7, Steps: 12, Skip: []int{3, 9}, Without: []Kind{Late, Crash}}
	line := again(o)
	for _, word := range strings.Fields(line)[2:] {
		name, value, _ := strings.Cut(word, "=")
		t.Setenv(name, value)
	}
	if got := again(chosenRun(t)); got != line {
		t.Errorf("%q was read back as %q", line, got)
	}
}

// shrinks checks, in a build with a defect, that the smallest run found is a good deal smaller, fails in the same way,
// and is repeated to the byte by the line that is printed for it.
func shrinks(t *testing.T, r *Report) {
	t.Helper()
	oracle := r.Violations[0].Oracle
	small := shrink(t, r, time.Hour)
	t.Logf("%s: %d steps, and %d kinds of trouble; %s: %d and %d", again(r.Options), r.Steps, len(r.Faults), again(small.Options), small.Steps-len(small.Skip), len(small.Faults))
	if small.Steps-len(small.Skip) > r.Steps/2 || len(small.Faults) >= len(r.Faults) {
		t.Errorf("the run was not made smaller")
	}
	for _, word := range strings.Fields(again(small.Options))[2:] {
		name, value, _ := strings.Cut(word, "=")
		t.Setenv(name, value)
	}
	repeated := play(t, chosenRun(t))
	if repeated.Hash != small.Hash || !slices.ContainsFunc(repeated.Violations, func(v Violation) bool { return v.Oracle == oracle }) {
		t.Errorf("%s does not repeat the run that it was printed for: %v", again(small.Options), repeated.Violations)
	}
}
