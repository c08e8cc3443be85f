package simulation

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// figures add up what runs were made of.
type figures struct {
	mu       sync.Mutex
	seeds    int
	took     time.Duration
	edits    int
	writes   int
	calls    int
	settling []int // calls until both sides agreed, of each run
	faults   map[Kind]int
	met      map[Kind]int // in how many runs it struck
	crashes  map[string]int
	ends     map[string]int
}

func (f *figures) add(r *Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		f.faults, f.met, f.crashes, f.ends = map[Kind]int{}, map[Kind]int{}, map[string]int{}, map[string]int{}
	}
	for end, n := range r.Ends {
		f.ends[end] += n
	}
	f.seeds++
	f.took += r.Took
	f.edits += r.Edits
	f.writes += r.Writes
	f.calls += r.Calls
	f.settling = append(f.settling, r.Settling)
	for k, n := range r.Faults {
		f.faults[k] += n
		f.met[k]++
	}
	for place, n := range r.Crashes {
		f.crashes[place] += n
	}
}

func (f *figures) print(to io.Writer, real time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seeds == 0 {
		return
	}
	slices.Sort(f.settling)
	sum := 0
	for _, n := range f.settling {
		sum += n
	}
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-28s"+format+"\n", append([]any{what}, args...)...)
	}
	fmt.Fprintf(&b, "simulation of %d seeds, in %s:\n", f.seeds, real.Round(100*time.Millisecond))
	row("virtual time", "%.1f hours", f.took.Hours())
	row("edits by users", "%d", f.edits)
	row("writes by accord", "%d", f.writes)
	row("calls in the storms", "%d", f.calls)
	row("calls until agreement", "mean %.1f, p95 %d, at most %d", float64(sum)/float64(f.seeds), f.settling[(len(f.settling)*95+99)/100-1], f.settling[len(f.settling)-1])
	row("crashes", "%d at steps of the ledger, %d at calls of vendors", f.crashes[ledgerStep], f.crashes[vendorCall])
	b.WriteString("  changes by users, of fields\n")
	total := 0
	for _, end := range Ends {
		row("  "+end, "%6d", f.ends[end])
		total += f.ends[end]
	}
	row("  in all", "%6d", total)
	b.WriteString("  trouble\n")
	for _, k := range Kinds {
		row("  "+string(k), "%6d times in %d seeds", f.faults[k], f.met[k])
	}
	_, _ = io.WriteString(to, b.String()) // whoever closed the output wants no figures
}
