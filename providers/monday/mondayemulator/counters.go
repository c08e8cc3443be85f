package mondayemulator

import (
	"maps"

	"accord/providers/monday/mondayemulator/internal/delivery"
)

// Counters are what the emulator has seen since it was made or the counters were reset.
type Counters struct {
	Calls           int64            `json:"calls"`            // HTTP requests to /v2
	DailyCalls      float64          `json:"daily_calls"`      // of today, as the daily limit counts them; not reset
	Operations      map[string]int64 `json:"operations"`       // top-level fields, each alias one
	ItemsWritten    int64            `json:"items_written"`    // items created or changed through the API
	ComplexitySpent int64            `json:"complexity_spent"` // points
	Errors          map[string]int64 `json:"errors"`           // by extensions.code
	RateLimited     int64            `json:"rate_limited"`     // answers with status 429
	Locked          int64            `json:"locked"`           // answers with status 423
	Replayed        int64            `json:"replayed"`         // answers from the idempotency store
	FaultsPlayed    int64            `json:"faults_played"`
	WebhooksSent    int64            `json:"webhooks_sent"` // attempts that were answered with 2xx
	WebhooksFailed  int64            `json:"webhooks_failed"`
	WebhooksLost    int64            `json:"webhooks_lost"` // given up or dropped by a fault
}

func newCounters() Counters {
	return Counters{Operations: map[string]int64{}, Errors: map[string]int64{}}
}

// Counters gives a copy of the counters.
func (e *Emulator) Counters() Counters {
	_, tenths, _ := e.meter.today(e.now())
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.counters
	c.DailyCalls = float64(tenths) / 10
	c.Operations = maps.Clone(c.Operations)
	c.Errors = maps.Clone(c.Errors)
	return c
}

// ResetCounters sets every counter to zero. Limits and budgets go on as they were.
func (e *Emulator) ResetCounters() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counters = newCounters()
}

func (e *Emulator) count(f func(c *Counters)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.counters)
}

func (e *Emulator) delivered(o delivery.Outcome) {
	e.count(func(c *Counters) {
		switch {
		case o.Dropped:
			c.WebhooksLost++
		case o.Status >= 200 && o.Status < 300:
			c.WebhooksSent++
		default:
			c.WebhooksFailed++
			if o.GaveUp {
				c.WebhooksLost++
			}
		}
	})
}
