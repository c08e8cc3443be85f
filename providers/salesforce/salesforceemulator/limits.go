package salesforceemulator

import (
	"cmp"
	"maps"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// Limits say which of the org's allocations are enforced. The zero value counts and enforces nothing.
type Limits struct {
	// DailyCalls is how many API calls 24 hours may see.
	DailyCalls int
	// DailyDeliveries is how many events subscribers may be sent in 24 hours.
	DailyDeliveries int
	// DailyBatches is how many batches of 10,000 rows Bulk jobs may have in 24 hours, DailyQueryJobs how many Bulk queries there
	// may be; HourlyEvents is how many platform events may be published in an hour. Zero is what is published.
	DailyBatches, DailyQueryJobs, HourlyEvents int
	// ConcurrentLong is how many calls may be in flight that have run for LongAfter (20 seconds where zero) or longer.
	ConcurrentLong int
	LongAfter      time.Duration
	// Enforce makes calls over the limits fail.
	Enforce bool
}

// What an Enterprise Edition org of 15 users has (Limits and Allocations Quick Reference).
const (
	publishedCalls      = 115_000
	publishedDeliveries = 25_000
	publishedConcurrent = 25
	publishedBatches    = 15_000
	publishedQueryJobs  = 10_000
	publishedEvents     = 250_000
)

// allocation is something other than calls that a span of time sees only so much of.
type allocation string

const (
	bulkBatches allocation = "bulk_batches"
	queryJobs   allocation = "query_jobs"
	eventsSent  allocation = "events"
)

// of gives how much of an allocation there is, and for how many hours.
func (l Limits) of(a allocation) (limit, hours int) {
	switch a {
	case bulkBatches:
		return cmp.Or(l.DailyBatches, publishedBatches), 24
	case queryJobs:
		return cmp.Or(l.DailyQueryJobs, publishedQueryJobs), 24
	}
	return cmp.Or(l.HourlyEvents, publishedEvents), 1
}

// LimitsAt gives the published limits times scale; zero enforces nothing.
func LimitsAt(scale float64) Limits {
	if scale <= 0 {
		return Limits{DailyCalls: publishedCalls}
	}
	return Limits{DailyCalls: int(publishedCalls * scale), DailyDeliveries: int(publishedDeliveries * scale), ConcurrentLong: publishedConcurrent,
		DailyBatches: int(publishedBatches * scale), DailyQueryJobs: int(publishedQueryJobs * scale), HourlyEvents: int(publishedEvents * scale), Enforce: true}
}

// limiter counts calls in a rolling day, by the hour.
type limiter struct {
	mu     sync.Mutex
	clock  func() time.Time
	limits Limits
	hours  map[int64]int
	extra  int // calls of others, set by admin
	spent  map[allocation]map[int64]int
	calls  map[int]time.Time // when the calls in flight began
	next   int
}

// enter notes that a call begins. busy is true where too many long ones are in flight already.
func (l *limiter) enter() (leave func(), busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	after := l.limits.LongAfter
	if after == 0 {
		after = 20 * time.Second
	}
	long := 0
	for _, began := range l.calls {
		if now.Sub(began) >= after {
			long++
		}
	}
	if l.limits.Enforce && l.limits.ConcurrentLong > 0 && long >= l.limits.ConcurrentLong {
		return func() {}, true
	}
	if l.calls == nil {
		l.calls = map[int]time.Time{}
	}
	l.next++
	n := l.next
	l.calls[n] = now
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.calls, n)
	}, false
}

func (l *limiter) set(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limits.DailyCalls == 0 {
		limits.DailyCalls = publishedCalls
	}
	l.limits = limits
}

func (l *limiter) deliveries() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.limits.Enforce {
		return 0
	}
	return l.limits.DailyDeliveries
}

// spend counts one call, unless it is over the limit.
func (l *limiter) spend() (used, limit int, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used = l.used()
	if l.limits.Enforce && used >= l.limits.DailyCalls {
		return used, l.limits.DailyCalls, true
	}
	if l.hours == nil {
		l.hours = map[int64]int{}
	}
	l.hours[l.clock().Unix()/3600]++
	return used + 1, l.limits.DailyCalls, false
}

func (l *limiter) used() int {
	now := l.clock().Unix() / 3600
	n := l.extra
	for h, c := range l.hours {
		if h <= now-24 {
			delete(l.hours, h)
			continue
		}
		n += c
	}
	return n
}

// usage is what counts against the daily limit, by the hour, as it is kept across restarts.
type usage struct {
	Hours map[int64]int `json:"hours,omitempty"`
	Extra int           `json:"extra,omitempty"`
	// Spent is what was used of other allocations.
	Spent map[allocation]map[int64]int `json:"spent,omitempty"`
}

func (l *limiter) save() usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := usage{maps.Clone(l.hours), l.extra, map[allocation]map[int64]int{}}
	for a, hours := range l.spent {
		out.Spent[a] = maps.Clone(hours)
	}
	return out
}

func (l *limiter) load(u usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hours, l.extra, l.spent = u.Hours, u.Extra, u.Spent
}

func (l *limiter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hours, l.extra, l.spent = nil, 0, nil
}

// take uses n of an allocation; false where it is enforced and there is not so much left. With n zero it only tells whether any is.
func (l *limiter) take(a allocation, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit, _ := l.limits.of(a)
	if l.limits.Enforce && l.spentOf(a)+max(n, 1) > limit {
		return false
	}
	if l.spent == nil {
		l.spent = map[allocation]map[int64]int{}
	}
	if l.spent[a] == nil {
		l.spent[a] = map[int64]int{}
	}
	if n > 0 {
		l.spent[a][l.clock().Unix()/3600] += n
	}
	return true
}

// spentOf is what the running span has seen of an allocation; mu is held.
func (l *limiter) spentOf(a allocation) int {
	_, span := l.limits.of(a)
	now, n := l.clock().Unix()/3600, 0
	for h, c := range l.spent[a] {
		if h <= now-int64(span) {
			delete(l.spent[a], h)
			continue
		}
		n += c
	}
	return n
}

// setUsed makes it look as if that many calls had been made.
func (l *limiter) setUsed(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extra = 0
	l.extra = n - l.used()
}

// answer is the body of /limits.
func (l *limiter) answer(delivered int) metadata.Ordered {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := func(limit, used int) metadata.Ordered {
		return metadata.Ordered{{Key: "Max", Value: limit}, {Key: "Remaining", Value: max(0, limit-used)}}
	}
	of := func(a allocation) metadata.Ordered {
		limit, _ := l.limits.of(a)
		return entry(limit, l.spentOf(a))
	}
	deliveries := l.limits.DailyDeliveries
	if deliveries == 0 {
		deliveries = publishedDeliveries
	}
	return metadata.Ordered{
		{Key: "ConcurrentAsyncGetReportInstances", Value: entry(200, 0)},
		{Key: "DailyApiRequests", Value: entry(l.limits.DailyCalls, l.used())},
		{Key: "DailyAsyncApexExecutions", Value: entry(250000, 0)},
		{Key: "DailyBulkApiBatches", Value: of(bulkBatches)},
		{Key: "DailyBulkV2QueryFileStorageMB", Value: entry(976562, 0)},
		{Key: "DailyBulkV2QueryJobs", Value: of(queryJobs)},
		{Key: "DailyDeliveredPlatformEvents", Value: entry(deliveries, delivered)},
		{Key: "DailyDurableStreamingApiEvents", Value: entry(200000, 0)},
		{Key: "DailyStandardVolumePlatformEvents", Value: entry(25000, 0)},
		{Key: "DataStorageMB", Value: entry(10240, 0)},
		{Key: "FileStorageMB", Value: entry(10240, 0)},
		{Key: "HourlyPublishedPlatformEvents", Value: of(eventsSent)},
		{Key: "HourlyPublishedStandardVolumePlatformEvents", Value: entry(100000, 0)},
		{Key: "MonthlyPlatformEvents", Value: entry(0, 0)},
		{Key: "PermissionSets", Value: metadata.Ordered{{Key: "Max", Value: 1500}, {Key: "Remaining", Value: 1490}, {Key: "CreateCustom", Value: entry(1000, 0)}}},
		{Key: "SingleEmail", Value: entry(5000, 0)},
	}
}
