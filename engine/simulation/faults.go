package simulation

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Kind is a sort of trouble that a run may meet.
type Kind string

// The kinds of trouble. Of each run, its seed chooses which it meets, and how often.
const (
	LostBefore   Kind = "lost_before"   // a write is not carried out, and nobody is told
	LostAfter    Kind = "lost_after"    // a write is carried out, and its answer is lost
	Late         Kind = "late"          // a write is carried out after its caller has given up
	Stall        Kind = "stall"         // a call hangs until its caller gives up
	Throttle     Kind = "throttle"      // a call is refused for some seconds
	Passing      Kind = "passing"       // a call fails, and would not a moment later
	LockedRows   Kind = "locked_rows"   // some rows of a write are locked
	RefusedRows  Kind = "refused_rows"  // some rows of a write are refused for good
	BrokenList   Kind = "broken_list"   // a listing breaks off after some pages
	LaggingFind  Kind = "lagging_find"  // a search does not show what was made a moment ago
	LostEvent    Kind = "lost_event"    // an event never comes
	DoubleEvent  Kind = "double_event"  // an event comes twice
	LateEvent    Kind = "late_event"    // an event comes after minutes, and so after others
	BareEvent    Kind = "bare_event"    // an event says which record, and nothing else
	HiddenRecord Kind = "hidden_record" // a record is not shown to our user for a while
	Removal      Kind = "removal"       // users remove records, and bring some back
	Skew         Kind = "skew"          // the vendors' clocks differ
	Coarse       Kind = "coarse"        // one vendor's versions are whole seconds
	Crash        Kind = "crash"         // the process dies between two steps
	Replace      Kind = "replace"       // another contract comes into force
	ApplyCrash   Kind = "apply_crash"   // an apply dies, or loses an answer, in the middle
	HalfTyped    Kind = "half_typed"    // a user edits a field again and again while typing
	Normalise    Kind = "normalise"     // one vendor trims and rounds what it is given
	Automation   Kind = "automation"    // somebody's automation changes values back
	Scope        Kind = "scope"         // records leave the scope and come back
	Duplicate    Kind = "duplicate"     // a user copies a record, with its key
	Workers      Kind = "workers"       // two processes at work on one ledger, each living and dying by itself
	Frozen       Kind = "frozen"        // a process stands still for minutes, and goes on as if nothing had been
	Refused      Kind = "refused"       // a vendor refuses all of a table for minutes, whatever is asked
	Bulk         Kind = "bulk"          // large loads, which outlive the process that sent them
)

// Kinds lists all kinds of trouble.
var Kinds = []Kind{
	LostBefore, LostAfter, Late, Stall, Throttle, Passing, LockedRows, RefusedRows, BrokenList, LaggingFind,
	LostEvent, DoubleEvent, LateEvent, BareEvent, HiddenRecord, Removal, Skew, Coarse, Crash, Replace, ApplyCrash,
	HalfTyped, Normalise, Automation, Scope, Duplicate, Bulk, Workers, Frozen, Refused,
}

// chances gives every kind its own stream, so that leaving one out changes as little as possible of all else.
type chances struct {
	seed    uint64
	rate    map[Kind]float64 // of the kinds that are met
	mu      sync.Mutex
	streams map[string]*rand.Rand
	struck  map[Kind]int
}

func newChances(seed uint64, without []Kind) *chances {
	c := &chances{seed: seed, rate: map[Kind]float64{}, struck: map[Kind]int{}, streams: map[string]*rand.Rand{}}
	for _, k := range Kinds {
		r := c.stream("rate/" + string(k))
		met, rate := r.Float64() < 0.55, 0.02+0.23*r.Float64()
		if met && !slices.Contains(without, k) {
			c.rate[k] = rate
		}
	}
	return c
}

func (c *chances) stream(name string) *rand.Rand {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[name]
	if s == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name)) // a hash takes everything
		s = rand.New(&source{pcg: rand.NewPCG(c.seed, h.Sum64())})
		c.streams[name] = s
	}
	return s
}

// source is a source for several goroutines.
type source struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

func (s *source) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pcg.Uint64()
}

// met says whether the run meets a kind of trouble at all.
func (c *chances) met(k Kind) bool { return c.rate[k] > 0 }

// hit says whether it strikes now; weight makes it likelier or less likely than usual.
func (c *chances) hit(k Kind, weight float64) bool {
	strikes := c.stream("hit/"+string(k)).Float64() < c.rate[k]*weight
	if strikes {
		c.strike(k)
	}
	return strikes
}

// strike counts trouble that came.
func (c *chances) strike(k Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.struck[k]++
}

// between is a stretch of time that no other is equal to, but by a chance of one in millions: what happens at the same
// moment would happen in any order.
func (c *chances) between(name string, from, to time.Duration) time.Duration {
	return from + time.Duration(c.stream("time/"+name).Int64N(int64(to-from)))
}

// mix tells the kinds that a run meets.
func (c *chances) mix() string {
	text := ""
	for _, k := range Kinds {
		if c.met(k) {
			text += fmt.Sprintf("%s=%.2f ", k, c.rate[k])
		}
	}
	return text
}

// random is a reader over a stream, for ids.
type random struct{ r *rand.Rand }

func (r random) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.r.Uint32())
	}
	return len(p), nil
}
