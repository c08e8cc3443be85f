package salesforceemulator

import (
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
)

// LimitsAt gives the published limits times scale; zero enforces nothing.
func LimitsAt(scale float64) Limits {
	if scale <= 0 {
		return Limits{DailyCalls: publishedCalls}
	}
	return Limits{DailyCalls: int(publishedCalls * scale), DailyDeliveries: int(publishedDeliveries * scale), ConcurrentLong: publishedConcurrent, Enforce: true}
}

// limiter counts calls in a rolling day, by the hour.
type limiter struct {
	mu     sync.Mutex
	clock  func() time.Time
	limits Limits
	hours  map[int64]int
	extra  int               // calls of others, set by admin
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
}

func (l *limiter) save() usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return usage{maps.Clone(l.hours), l.extra}
}

func (l *limiter) load(u usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hours, l.extra = u.Hours, u.Extra
}

func (l *limiter) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hours, l.extra = nil, 0
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
	deliveries := l.limits.DailyDeliveries
	if deliveries == 0 {
		deliveries = publishedDeliveries
	}
	return metadata.Ordered{
		{Key: "ConcurrentAsyncGetReportInstances", Value: entry(200, 0)},
		{Key: "DailyApiRequests", Value: entry(l.limits.DailyCalls, l.used())},
		{Key: "DailyAsyncApexExecutions", Value: entry(250000, 0)},
		{Key: "DailyBulkApiBatches", Value: entry(15000, 0)},
		{Key: "DailyBulkV2QueryFileStorageMB", Value: entry(976562, 0)},
		{Key: "DailyBulkV2QueryJobs", Value: entry(10000, 0)},
		{Key: "DailyDeliveredPlatformEvents", Value: entry(deliveries, delivered)},
		{Key: "DailyDurableStreamingApiEvents", Value: entry(200000, 0)},
		{Key: "DailyStandardVolumePlatformEvents", Value: entry(25000, 0)},
		{Key: "DataStorageMB", Value: entry(10240, 0)},
		{Key: "FileStorageMB", Value: entry(10240, 0)},
		{Key: "HourlyPublishedPlatformEvents", Value: entry(250000, 0)},
		{Key: "HourlyPublishedStandardVolumePlatformEvents", Value: entry(100000, 0)},
		{Key: "MonthlyPlatformEvents", Value: entry(0, 0)},
		{Key: "PermissionSets", Value: metadata.Ordered{{Key: "Max", Value: 1500}, {Key: "Remaining", Value: 1490}, {Key: "CreateCustom", Value: entry(1000, 0)}}},
		{Key: "SingleEmail", Value: entry(5000, 0)},
	}
}
