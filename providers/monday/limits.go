package monday

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/ratelimit"
)

// Limits that the vendor publishes (developer.monday.com: Rate limits, Querying board items, Items, Webhooks, Columns).
const (
	maxUsers      = 200 // users on a page
	maxPage       = 500 // items on a page of items_page
	maxItems      = 100 // ids in items(ids:)
	maxKeys       = 100 // values in one search by column value: no limit is published, the documents stay small
	maxRows       = 100 // mutations in one document: no limit is published, see the single query's complexity
	maxLogs       = 1000
	maxName       = 255
	maxLongText   = 2000
	maxLabels     = 40
	maxLabelText  = 30
	maxColumnID   = 24
	maxWebhookURL = 255
	maxBoardPage  = 100

	// keyLife is how long the vendor remembers an idempotency key, less a margin for clocks and transport.
	keyLife = 25 * time.Minute
	// searchLag bounds how long a search may not show a fresh item. The vendor publishes none; a repeated batch carries
	// the idempotency key of the first try all the same, so that too short a time does no harm by itself.
	searchLag = 5 * time.Second
)

// Names of the budgets, which are also those of Usage.
const (
	minuteCalls  = "calls a minute"
	complexity   = "complexity a minute"
	dailyCalls   = "daily calls"
	liveReserve  = 0.2
	defaultQuota = 1000 // calls a minute of the smallest plan
)

// newPageSize is the size of pages: as large as the vendor allows, and smaller once it finds them too dear.
func newPageSize() *ratelimit.Size { return ratelimit.NewSize(maxPage, 25, maxPage) }

func newBatchSize() *ratelimit.Size { return ratelimit.NewSize(50, 5, maxRows) }

func newGovernor(c Config) *ratelimit.Governor {
	return ratelimit.New(ratelimit.Config{
		Clock: c.Clock,
		// The smallest plan's numbers: the first answer tells the true ones.
		Concurrency: 40,
		Budgets: []ratelimit.Budget{
			{Name: minuteCalls, Limit: defaultQuota, Smooth: true, KeepForLive: liveReserve},
			{Name: complexity, Priced: true, KeepForLive: liveReserve},
			{Name: dailyCalls, Window: 24 * time.Hour, Align: true, Share: c.DailyShare, Ceiling: c.DailyCalls, KeepForLive: liveReserve},
		},
	})
}

// dailyByPlan infers the plan's calls a day from its calls a minute: the vendor's headers tell only the latter.
func dailyByPlan(perMinute int64) int64 {
	switch {
	case perMinute >= 5000:
		return 25_000
	case perMinute >= 2500:
		return 10_000
	default:
		return 1000
	}
}

// limit is one item of the RateLimit and RateLimit-Policy headers.
type limit struct {
	quota, remaining int64 // -1 = not told
	reset            time.Duration
}

// parseLimits reads both headers: `"minuteRate";q=5000;w=60, "concurrency";q=250` and `"minuteRate";r=4999;t=38`.
// What it can't read is left out.
func parseLimits(h http.Header) map[string]limit {
	limits := map[string]limit{}
	for _, header := range []string{"RateLimit-Policy", "RateLimit"} {
		for _, item := range strings.Split(strings.Join(h.Values(header), ","), ",") {
			name, parameters, _ := strings.Cut(strings.TrimSpace(item), ";")
			name = strings.Trim(name, `"`)
			if name == "" {
				continue
			}
			l, known := limits[name]
			if !known {
				l = limit{quota: -1, remaining: -1}
			}
			for _, parameter := range strings.Split(parameters, ";") {
				k, v, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				n, err := strconv.ParseInt(v, 10, 64)
				if err != nil || n < 0 || n > math.MaxInt32*1000 {
					continue
				}
				switch k {
				case "q":
					l.quota = n
				case "r":
					l.remaining = n
				case "t":
					l.reset = time.Duration(min(n, 86_400)) * time.Second
				}
			}
			limits[name] = l
		}
	}
	return limits
}

// learn teaches the governor what an answer's headers and complexity show.
func (c *client) learn(r request, h http.Header, cost *complexityRow) {
	now := c.clock()
	reset := func(d time.Duration) time.Time {
		if d <= 0 {
			return time.Time{}
		}
		return now.Add(d)
	}
	limits := parseLimits(h)
	if l, ok := limits["minuteRate"]; ok {
		c.governor.Observe(minuteCalls, l.remaining, max(l.quota, 0), reset(l.reset))
		if l.quota > 0 {
			c.governor.Observe(dailyCalls, -1, dailyByPlan(l.quota), time.Time{})
		}
	}
	if l, ok := limits["concurrency"]; ok && l.quota > 0 {
		c.governor.SetConcurrency(int(min(l.quota, math.MaxInt32)))
	}
	if l, ok := limits["complexityMinute"]; ok {
		c.governor.Observe(complexity, l.remaining, max(l.quota, 0), reset(l.reset))
	}
	if cost != nil {
		// What the answer itself says is in points; the header's unit is not, by its own words.
		c.governor.Observe(complexity, cost.After, 0, reset(time.Duration(min(max(cost.Reset, 0), 3600))*time.Second))
		c.governor.Learn(r.operation, r.rows, cost.Query)
	}
	c.warn()
}

// warn tells once a day when the daily calls will not last.
func (c *client) warn() {
	for _, u := range c.governor.Usage() {
		if u.Name != dailyCalls || u.RunsOut.IsZero() || u.Allowance <= 0 || u.Ours*5 < u.Allowance*4 {
			continue
		}
		c.mu.Lock()
		told := c.warned.Equal(u.Reset)
		c.warned = u.Reset
		c.mu.Unlock()
		if !told {
			c.log.Warn("the daily calls will not last", "used", u.Ours, "of", u.Allowance, "runs_out", u.RunsOut.UTC().Format(time.RFC3339), "reset", u.Reset.UTC().Format(time.RFC3339))
		}
	}
}

type complexityRow struct {
	Query int64 `json:"query"`
	After int64 `json:"after"`
	Reset int64 `json:"reset_in_x_seconds"`
}

func (c *client) usage() []provider.Usage {
	var list []provider.Usage
	for _, u := range c.governor.Usage() {
		v := provider.Usage{Name: u.Name, Used: u.Ours, Limit: u.Limit, Remaining: u.Remaining, Reset: u.Reset}
		if u.Allowance > 0 && u.Name == dailyCalls {
			// No answer tells what others used: what is left to us is our allowance less what we used.
			v.Limit, v.Remaining = u.Allowance, max(u.Allowance-u.Ours, 0)
		} else if u.Limit > 0 {
			v.Used = max(u.Limit-u.Remaining, 0)
		}
		list = append(list, v)
	}
	return list
}

// Governor is what keeps the connection within its limits, for those who show or restore it.
func (p *Provider) Governor() *ratelimit.Governor { return p.client.governor }
