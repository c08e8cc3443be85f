package mondayemulator

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// plan is what the vendor publishes for a tier (developer.monday.com, "Rate limits").
type plan struct {
	perDay, perMinute, concurrent int
	complexity                    int // points a minute
}

var plans = map[string]plan{
	"free":       {perDay: 1_000, perMinute: 1_000, concurrent: 40, complexity: 1_000_000},
	"standard":   {perDay: 1_000, perMinute: 1_000, concurrent: 40, complexity: 5_000_000},
	"pro":        {perDay: 10_000, perMinute: 2_500, concurrent: 100, complexity: 5_000_000},
	"enterprise": {perDay: 25_000, perMinute: 5_000, concurrent: 250, complexity: 5_000_000},
}

const (
	perQuery         = 5_000_000
	personalPerMin   = 10_000_000
	perIP, ipWindow  = 5_000, 10 * time.Second
	bulkItemsPerHour = 19_000
	bulkJobsPerHour  = 100
)

// unlimited is the scale of budgets that are told and not enforced.
const unlimited = 1000

// fieldsPerMinute are the limits of single fields.
var fieldsPerMinute = map[string]int{"create_board": 40, "duplicate_board": 40}

// window counts within a span that begins with its first use.
type window struct {
	start time.Time
	used  int
}

func (w *window) roll(now time.Time, span time.Duration) {
	if w.start.IsZero() || now.Sub(w.start) >= span {
		w.start, w.used = now, 0
	}
}

func (w *window) left(now time.Time, span time.Duration) int {
	return max(1, int((span-now.Sub(w.start)+time.Second-1)/time.Second))
}

// meter keeps the budgets of the account. It always counts; whether it refuses is the mode's.
type meter struct {
	plan     plan
	enforce  bool
	personal bool
	scale    float64
	mu       sync.Mutex
	minute   window
	reads    window
	writes   window
	ips      map[string]*window
	fields   map[string]*window
	jobs     window
	items    window
	day      string
	tenths   int // calls of the day, in tenths
	days     map[string]int
	inFlight int
	boards   map[int64]bool // locked by a mutation that is under way
}

func newMeter(p plan, o Options) *meter {
	m := &meter{plan: p, enforce: o.Limits != LimitsOff, personal: o.PersonalToken, scale: 1, ips: map[string]*window{}, fields: map[string]*window{}, boards: map[int64]bool{}, days: map[string]int{}}
	switch o.Limits {
	case LimitsScaled:
		m.scale = o.LimitScale
	case LimitsOff:
		m.scale = unlimited // what is told must not make a client wait for what is not enforced
	}
	if m.personal {
		m.plan.complexity = personalPerMin
		if o.Plan == "free" {
			m.plan.complexity = 1_000_000
		}
	}
	return m
}

// of scales a published number.
func (m *meter) of(n int) int { return max(1, int(float64(n)*m.scale)) }

// budget is the complexity of a minute, within what an Int of the schema can tell.
func (m *meter) budget() int { return min(m.of(m.plan.complexity), 2_000_000_000) }

// bucket is the complexity budget a request draws on: apps have one for reads and one for writes.
func (m *meter) bucket(mutation bool) *window {
	if mutation && !m.personal {
		return &m.writes
	}
	return &m.reads
}

// spend is what complexity{} tells.
type spend struct{ before, query, after, reset int }

// call describes a request to the meter.
type call struct {
	now      time.Time
	ip       string
	mutation bool
	cost     int
	fields   []string // top-level fields
	pure     bool     // asks for nothing but complexity
}

// enter takes a request in: a refusal, or what it spent. leave must follow when it was let in.
func (m *meter) enter(c call) (spend, *gql.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minute.roll(c.now, time.Minute)
	bucket := m.bucket(c.mutation)
	bucket.roll(c.now, time.Minute)
	m.newDay(c.now)
	if m.enforce {
		if err := m.refuse(c, bucket); err != nil {
			m.tenths++ // a refused call counts a tenth
			return spend{}, err
		}
	}
	m.minute.used++
	m.inFlight++
	for _, f := range c.fields {
		if w := m.fields[f]; w != nil {
			w.used++
		}
	}
	if c.pure {
		m.tenths++
	} else {
		m.tenths += 10
	}
	budget := m.budget()
	told := func(n int) int { return min(max(0, n), math.MaxInt32) } // an Int has 32 bits
	s := spend{before: told(budget - bucket.used), query: told(c.cost), reset: bucket.left(c.now, time.Minute)}
	bucket.used += c.cost
	s.after = told(budget - bucket.used)
	return s, nil
}

// wasted counts a request that could not be run.
func (m *meter) wasted(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minute.roll(now, time.Minute)
	m.newDay(now)
	m.minute.used++
	m.tenths += 10
}

func (m *meter) newDay(now time.Time) {
	day := now.UTC().Format("2006-01-02")
	if m.day != day {
		if m.day != "" {
			m.days[m.day] = m.tenths
		}
		m.day, m.tenths = day, 0
	}
}

func (m *meter) refuse(c call, bucket *window) *gql.Error {
	ip := m.ips[c.ip]
	if ip == nil {
		if len(m.ips) > 1000 {
			clear(m.ips)
		}
		ip = &window{}
		m.ips[c.ip] = ip
	}
	ip.roll(c.now, ipWindow)
	ip.used++
	budget := m.budget()
	tenths := 10
	if c.pure {
		tenths = 1
	}
	switch {
	case ip.used > m.of(perIP):
		return tooMany("IP_RATE_LIMIT_EXCEEDED", "IP rate limit exceeded", ip.left(c.now, ipWindow))
	case m.tenths+tenths > 10*m.of(m.plan.perDay):
		return dailyLimit(c.now)
	case m.minute.used >= m.of(m.plan.perMinute):
		return tooMany("Rate Limit Exceeded", "Minute limit rate exceeded", m.minute.left(c.now, time.Minute))
	case m.inFlight >= m.of(m.plan.concurrent):
		return tooMany("maxConcurrencyExceeded", "Concurrency limit exceeded", 1)
	case c.cost > m.of(perQuery):
		return complexityRefusal(c.cost, budget-bucket.used, m.of(perQuery), bucket.left(c.now, time.Minute))
	case bucket.used+c.cost > budget:
		return complexityRefusal(c.cost, max(0, budget-bucket.used), budget, bucket.left(c.now, time.Minute))
	}
	wanted := map[string]int{}
	for _, f := range c.fields {
		limit, limited := fieldsPerMinute[f]
		if !limited {
			continue
		}
		w := m.fields[f]
		if w == nil {
			w = &window{}
			m.fields[f] = w
		}
		w.roll(c.now, time.Minute)
		wanted[f]++
		if w.used+wanted[f] > m.of(limit) {
			err := tooMany("FIELD_LIMIT_EXCEEDED", "Rate limit exceeded for the field", w.left(c.now, time.Minute))
			err.Extra["entity"] = f
			return err
		}
	}
	return nil
}

// leave ends what enter began.
func (m *meter) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
}

// lock takes the boards a mutation writes to; false when another request has one of them. Without
// enforcement requests are let through, as the account takes them one at a time anyway.
func (m *meter) lock(boards []int64) (unlock func(), ok bool) {
	if !m.enforce {
		return func() {}, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range boards {
		if m.boards[b] {
			return nil, false
		}
	}
	for _, b := range boards {
		m.boards[b] = true
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, b := range boards {
			delete(m.boards, b)
		}
	}, true
}

// startJob counts a bulk job (developer.monday.com, "Importing items in bulk"): the refusal has a
// retry field of its own, in milliseconds.
func (m *meter) startJob(now time.Time) *gql.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs.roll(now, time.Hour)
	if m.enforce && m.jobs.used >= m.of(bulkJobsPerHour) {
		wait := m.jobs.left(now, time.Hour)
		return &gql.Error{
			Message: "Rate limit exceeded", Code: "RATE_LIMIT_EXCEEDED", Status: http.StatusTooManyRequests, HTTP: http.StatusTooManyRequests,
			Extra: map[string]any{"retryAfterMs": wait * 1000}, Header: map[string]string{"Retry-After": strconv.Itoa(wait)},
		}
	}
	m.jobs.used++
	return nil
}

// takeItems draws on the hourly budget of imported items; false when it does not suffice.
func (m *meter) takeItems(now time.Time, n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items.roll(now, time.Hour)
	if m.enforce && m.items.used+n > m.of(bulkItemsPerHour) {
		return false
	}
	m.items.used += n
	return true
}

// today is the calls of the day so far, in tenths, and those of the days before, whole, by day.
func (m *meter) today(now time.Time) (day string, tenths int, before map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.newDay(now)
	before = map[string]int{}
	for d, t := range m.days {
		before[d] = t / 10
	}
	return m.day, m.tenths, before
}

// headers are RateLimit-Policy and RateLimit (developer.monday.com, "Rate limits").
func (m *meter) headers(h http.Header, now time.Time, mutation bool, refused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.minute.roll(now, time.Minute)
	b := m.bucket(mutation)
	b.roll(now, time.Minute)
	minute, conc, points := m.of(m.plan.perMinute), m.of(m.plan.concurrent), m.budget()
	h.Set("RateLimit-Policy", fmt.Sprintf(`"minuteRate";q=%d;w=60, "concurrency";q=%d;qu="concurrent-requests", "complexityMinute";q=%d;w=60;qu="content-bytes"`, minute, conc, points))
	wait := ""
	if refused && m.minute.used >= minute {
		wait = fmt.Sprintf(";t=%d", m.minute.left(now, time.Minute))
	}
	h.Set("RateLimit", fmt.Sprintf(`"minuteRate";r=%d%s, "concurrency";r=%d, "complexityMinute";r=%d;t=%d`,
		max(0, minute-m.minute.used), wait, max(0, conc-m.inFlight), max(0, points-b.used), b.left(now, time.Minute)))
}

func tooMany(code, message string, wait int) *gql.Error {
	return &gql.Error{
		Message: message, Code: code, Status: http.StatusTooManyRequests, HTTP: http.StatusTooManyRequests,
		Extra: map[string]any{"retry_in_seconds": wait}, Header: map[string]string{"Retry-After": strconv.Itoa(wait)},
	}
}

func complexityRefusal(cost, left, limit, wait int) *gql.Error {
	e := tooMany("COMPLEXITY_BUDGET_EXHAUSTED", "Complexity budget exhausted", wait)
	e.Extra["complexity"], e.Extra["complexity_budget_left"], e.Extra["complexity_budget_limit"] = cost, max(0, left), limit
	return e
}

// dailyLimit refuses until midnight UTC. The documentation names the code, not the HTTP status;
// 429 is assumed.
func dailyLimit(now time.Time) *gql.Error {
	u := now.UTC()
	midnight := time.Date(u.Year(), u.Month(), u.Day()+1, 0, 0, 0, 0, time.UTC)
	return tooMany("DAILY_LIMIT_EXCEEDED", "Daily limit exceeded", int(midnight.Sub(u)/time.Second)+1)
}
