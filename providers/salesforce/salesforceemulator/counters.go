package salesforceemulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"

	"accord/providers/salesforce/salesforceemulator/internal/pubsub"
)

// Counters say what was asked of the org since the start or the last reset.
type Counters struct {
	// Calls counts API calls, as the vendor counts them: a composite or collections call is one.
	Calls int `json:"calls"`
	// Operations counts them by name: "query", "POST sobjects", "PATCH composite/sobjects", "describe" ...
	Operations map[string]int `json:"operations"`
	// Tokens counts token requests, which are no API calls.
	Tokens int `json:"tokens"`
	// RowsWritten and RowsRead count records, children included.
	RowsWritten int `json:"rows_written"`
	RowsRead    int `json:"rows_read"`
	// Errors counts failed calls by error code, ItemErrors failed records inside collections and Bulk jobs.
	Errors     map[string]int `json:"errors"`
	ItemErrors map[string]int `json:"item_errors"`
	// Events is the event side.
	Events pubsub.Counters `json:"events"`
}

type counters struct {
	mu sync.Mutex
	c  Counters
}

func (c *counters) add(f func(*Counters)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.c.Operations == nil {
		c.c.Operations, c.c.Errors, c.c.ItemErrors = map[string]int{}, map[string]int{}, map[string]int{}
	}
	f(&c.c)
}

func (c *counters) call(op string) {
	c.add(func(c *Counters) { c.Calls++; c.Operations[op]++ })
}

func (c *counters) failedItem(code string) { c.add(func(c *Counters) { c.ItemErrors[code]++ }) }

// failed counts a failed call by the code in its body.
func (c *counters) failed(raw []byte, status int) {
	var list []apiError
	code := strconv.Itoa(status)
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 && list[0].ErrorCode != "" {
		code = list[0].ErrorCode
	}
	c.add(func(c *Counters) { c.Errors[code]++ })
}

// Counters is a copy of the counters.
func (e *Emulator) Counters() Counters {
	var out Counters
	e.counts.add(func(c *Counters) {
		out = *c
		out.Operations, out.Errors, out.ItemErrors = maps.Clone(c.Operations), maps.Clone(c.Errors), maps.Clone(c.ItemErrors)
	})
	out.Events = e.events.Counters()
	return out
}

// ResetCounters sets all counters to zero. What counts against the daily limits stays.
func (e *Emulator) ResetCounters() {
	e.counts.mu.Lock()
	e.counts.c = Counters{}
	e.counts.mu.Unlock()
	e.events.ResetCounters()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
