package salesforce

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"accord/engine/provider"
	"accord/engine/ratelimit"
)

// The vendor's limits that matter here (Salesforce Developer Limits and Allocations Quick Reference).
const (
	dailyCalls      = "daily calls"
	dailyDeliveries = "daily event deliveries"
	polledTopics    = "event streams replaced by polling"

	rowsPerCollection = 200    // records in one collections call
	rowsPerPage       = 2000   // records in one page of a query
	idsPerQuery       = 2000   // ids in one IN list: one page of answers
	maxURL            = 14_000 // bytes; the org refuses 16,384 for URL and headers together
	maxSOQL           = 90_000 // characters; the org refuses 100,000
	longRequests      = 20     // of the 25 requests over 20 seconds that may run at once in a whole org
	eventEntities     = 5      // sObjects selected for change events, without an add-on
)

// limits holds the connection's governor, and reads from answers what is left.
type limits struct {
	governor *ratelimit.Governor
	clock    func() time.Time

	mu        sync.Mutex
	delivered int64 // events that came since deliveries were asked for, or since the start
	allowed   int64 // events a day, for all subscribers of the org together; 0 = not known
	remaining int64
	asked     time.Time
	askEvery  time.Duration   // an hour; more often while little is left
	low       bool            // little is left
	polling   map[string]bool // topics that are polled for, because their events can't be had
}

func newLimits(c Config) *limits {
	return &limits{clock: c.Clock, askEvery: time.Hour, polling: map[string]bool{}, governor: ratelimit.New(ratelimit.Config{
		Clock: c.Clock,
		Budgets: []ratelimit.Budget{{
			// The allowance rolls over 24 hours; each answer says what is left of it, so a fixed window is near enough.
			Name: dailyCalls, Window: 24 * time.Hour,
			Share: c.DailyPercent / 100, Ceiling: c.DailyCalls, KeepForLive: 0.2,
		}},
		Concurrency: longRequests,
	})}
}

// acquire waits for room for one call.
func (l *limits) acquire(ctx context.Context, r request) (func(), error) {
	release, err := l.governor.Acquire(ctx, ratelimit.Cost{Operation: r.op, Rows: r.rows})
	if err == nil {
		return release, nil
	}
	var exhausted *ratelimit.ExhaustedError
	if errors.As(err, &exhausted) {
		return nil, &provider.Error{Kind: provider.Exhausted, Op: r.doing, RetryAfter: exhausted.Wait, Err: err}
	}
	return nil, &provider.Error{Kind: provider.Transient, Op: r.doing, Err: err}
}

var apiUsage = regexp.MustCompile(`(?:^|[;,\s])api-usage=(\d+)/(\d+)`)

// observe reads the Sforce-Limit-Info header: "api-usage=4143/15000", perhaps with more behind it.
func (l *limits) observe(h http.Header) {
	m := apiUsage.FindStringSubmatch(h.Get("Sforce-Limit-Info"))
	if m == nil {
		return
	}
	used, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return
	}
	limit, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil || limit <= 0 {
		return
	}
	l.governor.Observe(dailyCalls, max(limit-used, 0), limit, time.Time{})
}

// refused makes the governor hold back after the org said that it has had enough.
func (l *limits) refused(e *provider.Error) {
	switch e.Kind {
	case provider.Exhausted:
		if e.Code != "REQUEST_LIMIT_EXCEEDED" {
			return
		}
		// The window rolls: some calls come free all the time. No hint is documented.
		if e.RetryAfter == 0 {
			e.RetryAfter = 15 * time.Minute
		}
		l.governor.Pause(l.clock().Add(e.RetryAfter))
	case provider.Throttled:
		if e.RetryAfter == 0 {
			e.RetryAfter = 2 * time.Second
		}
		l.governor.Pause(l.clock().Add(e.RetryAfter))
	}
}

func (l *limits) usage() []provider.Usage {
	var list []provider.Usage
	for _, u := range l.governor.Usage() {
		p := provider.Usage{Name: u.Name, Limit: u.Limit, Remaining: u.Remaining, Used: u.Ours, Reset: u.Reset}
		if u.Limit > 0 {
			p.Used = u.Limit - u.Remaining
		}
		list = append(list, p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.allowed > 0 || l.delivered > 0 {
		d := provider.Usage{Name: dailyDeliveries, Used: l.delivered, Limit: l.allowed}
		if l.allowed > 0 {
			d.Remaining = max(l.remaining-l.delivered, 0)
			d.Used = l.allowed - d.Remaining
		}
		list = append(list, d)
	}
	if len(l.polling) > 0 {
		list = append(list, provider.Usage{Name: polledTopics, Used: int64(len(l.polling))})
	}
	return list
}

// count adds events that were delivered to us: they are no API calls, and have an allowance of their own.
func (l *limits) count(events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered += int64(events)
}

// due says, every now and then, that the org's account of deliveries should be asked for.
func (l *limits) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	every := l.askEvery
	if l.low {
		every /= 6
	}
	if !l.asked.IsZero() && now.Sub(l.asked) < every {
		return false
	}
	l.asked = now
	return true
}

// askDeliveries reads the org's account of event deliveries. A user who may not view setup is not told, and goes without.
func (c *client) askDeliveries(ctx context.Context) {
	if !c.limits.due() {
		return
	}
	var answer map[string]struct{ Max, Remaining int64 }
	err := c.do(ctx, request{op: "GET limits", doing: "read the org's limits", method: http.MethodGet, path: "/limits"}, &answer)
	if err != nil {
		c.log.Debug("the org's limits are not shown", "error", err)
		return
	}
	d := answer["DailyDeliveredPlatformEvents"]
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	c.limits.allowed, c.limits.remaining, c.limits.delivered = d.Max, d.Remaining, 0
}

// Governor is what keeps the connection within its limits, for those who show or restore it.
func (p *Provider) Governor() *ratelimit.Governor { return p.client.limits.governor }
