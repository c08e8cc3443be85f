package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
	"accord/providers/salesforce/internal/eventbus"
	"accord/providers/salesforce/salesforceemulator"
)

func newMemory(objects ...string) *memory {
	m := &memory{cursors: map[string]string{}, seen: map[string]map[string]record.Record{}, dirty: map[string]map[string]bool{}}
	for _, o := range objects {
		m.seen[o], m.dirty[o] = map[string]record.Record{}, map[string]bool{}
	}
	return m
}

// until waits for something that is to become so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func (o *org) polled() bool {
	return slices.ContainsFunc(o.p.Usage(), func(u provider.Usage) bool { return u.Name == polledTopics && u.Used > 0 })
}

// The org delivers no more events than its allowance: what changes after that is polled for, until it delivers again.
func TestWatchPollsWhileNothingIsDelivered(t *testing.T) {
	const allowed = 12
	o := newOrg(t, func(o *salesforceemulator.Options) {
		o.Limits = salesforceemulator.Limits{DailyCalls: 100_000, DailyDeliveries: allowed, Enforce: true}
	})
	o.p.events.pause, o.p.events.pollEvery, o.p.events.again = 5*time.Millisecond, 40*time.Millisecond, 200*time.Millisecond
	o.p.client.limits.askEvery = 300 * time.Millisecond
	spec := dealSpec()
	resources, _ := o.apply(t, spec)
	b := provider.Binding{Spec: spec, Resources: resources}
	r, err := o.p.Records(b)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory("deal")
	m.cursors[dealTopic] = position{mark: 1}.String()
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		if err := o.p.Watch(ctx, []provider.Binding{b}, m.copyCursors(), m.take); err != nil {
			t.Errorf("Watch = %v", err)
		}
	})
	var ids []string
	settled := func(when string) {
		t.Helper()
		want, err := r.Read(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		diff := ""
		until(t, when+" all is told", func() bool { diff = m.compare(t, r, "deal", want); return diff == "" })
	}
	edits := func(n int) {
		t.Helper()
		for i := range n {
			ids = append(ids, o.deal(t, fmt.Sprintf("Deal %d", len(ids)), i), o.deal(t, "Soon gone", i))
			if err := o.Update("", "Opportunity", ids[len(ids)/4*2], map[string]any{"Amount": 1000 + len(ids)}); err != nil {
				t.Fatal(err)
			}
			if err := o.Delete("", "Opportunity", ids[len(ids)-1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The stream brings the first of them, and breaks when the allowance is used up.
	until(t, "the stream is open", func() bool { return o.Events().Counters().ActiveStreams > 0 })
	until(t, "the allowance is used up", func() bool { edits(1); time.Sleep(time.Millisecond); return o.polled() })
	settled("in spite of the allowance")
	delivered := o.Events().Counters().DeliveredLastDay
	if delivered > allowed || delivered == 0 {
		t.Errorf("%d events were delivered of %d", delivered, allowed)
	}
	before, _ := o.calls.since(0)
	began := time.Now()
	edits(5)
	settled("while polling")
	n, ops := o.calls.since(before)
	lists := 0
	for _, op := range ops {
		if op == "queryAll" {
			lists++
		}
	}
	if most := int(time.Since(began)/o.p.events.pollEvery) + 10; lists > most {
		t.Errorf("%d lists of %d calls, and %d must do", lists, n, most)
	}
	if !o.polled() {
		t.Error("polling ended while nothing was delivered")
	}
	if at := parsePosition(m.copyCursors()[dealTopic]); len(at.replay) > 0 || at.mark == 0 {
		t.Errorf("the cursor is %+v; it must begin anew, and lose nothing", at)
	}

	o.Advance(25 * time.Hour)
	until(t, "events come again", func() bool { edits(1); time.Sleep(20 * time.Millisecond); return !o.polled() })
	settled("with events again")
	if at := parsePosition(m.copyCursors()[dealTopic]); len(at.replay) == 0 {
		t.Errorf("the cursor is %+v, want the last event's", at)
	}
	cancel()
}

// A topic that stays refused, and a bus that is not there, leave polling; where that is refused too, it goes on until it is not.
func TestWatchPollsWhereEventsAreNotToBeHad(t *testing.T) {
	for _, test := range []struct {
		suffix string
		code   codes.Code
	}{
		{"topic.not.found", codes.NotFound}, {"topic.meta.permission", codes.PermissionDenied},
		{"service.tenant.license", codes.PermissionDenied}, {"subscription.limit.exceeded", codes.ResourceExhausted},
	} {
		t.Run(test.suffix, func(t *testing.T) {
			f := follow(t, func(_ int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
				return busError(stream, test.code, test.suffix)
			}, map[string]string{dealTopic: position{[]byte("old"), 1771291772000}.String()}, sweeps)
			for {
				e := f.next()
				if len(e.changes) == 1 && e.changes[0].Record.ID != dealID(7) {
					t.Errorf("listed %+v", e.changes)
				}
				if e.cursor.Name == dealTopic {
					if at := parsePosition(e.cursor.Position); len(at.replay) > 0 || at.mark == 0 {
						t.Errorf("cursor = %+v, want the time of the list alone", at)
					}
					break
				}
			}
		})
	}
	t.Run("nor records", func(t *testing.T) {
		var polls atomic.Int32
		f := follow(t, func(_ int, _ *eventbus.FetchRequest, stream eventbus.PubSub_SubscribeServer) error {
			return busError(stream, codes.PermissionDenied, "topic.meta.permission")
		}, map[string]string{dealTopic: position{[]byte("old"), 1771291772000}.String()}, func(w http.ResponseWriter, r *http.Request, body string) {
			if polls.Add(1) < 3 {
				refuse(w, 403, "INSUFFICIENT_ACCESS", "not for you")
				return
			}
			sweeps(w, r, body)
		})
		for e := f.next(); len(e.changes) == 0; e = f.next() {
		}
		if polls.Load() < 3 {
			t.Errorf("listed after %d polls", polls.Load())
		}
	})
}

// Polls take a share of the calls that are left for the rest of the day, within bounds.
func TestPollEvery(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		used, limit int64
		calls       int
		want        time.Duration
	}{
		{0, 0, 3, pollUsually}, // nobody said yet
		{0, 100_000, 1, pollFastest},
		{0, 100_000, 100, 14*time.Minute + 24*time.Second},
		{50_000, 100_000, 10, 2*time.Minute + 52*time.Second + 800*time.Millisecond},
		{99_999, 100_000, 1, pollSlowest},
		{100_000, 100_000, 1, pollSlowest},
	}
	for _, test := range tests {
		c := Config{URL: "https://acme.my.salesforce.com", Flow: FlowClientCredentials, ClientID: "c", Clock: func() time.Time { return now },
			ClientSecret: func(context.Context) (string, error) { return "", nil }}
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		release, err := p.Governor().Acquire(t.Context(), ratelimit.Cost{})
		if err != nil {
			t.Fatal(err)
		}
		release()
		if test.limit > 0 {
			p.Governor().Observe(dailyCalls, test.limit-test.used, test.limit, time.Time{})
		}
		w := &watcher{subscriber: subscriber{events: p.events}, pollCalls: test.calls}
		if got := w.pollEvery().Round(100 * time.Millisecond); got != test.want {
			t.Errorf("%d calls each, %d used of %d: every %v, want %v", test.calls, test.used, test.limit, got, test.want)
		}
	}
}

// Before the last deliveries of the day are gone, they are left to others, until there are plenty again.
func TestScarceDeliveries(t *testing.T) {
	l := newLimits(Config{Clock: time.Now})
	for _, step := range []struct {
		allowed, remaining, delivered int64
		want                          bool
	}{
		{0, 0, 500, false}, {25_000, 10_000, 0, false}, {25_000, 300, 0, false}, {25_000, 300, 50, true}, {25_000, 1000, 0, true}, {25_000, 1300, 0, false},
	} {
		l.allowed, l.remaining, l.delivered = step.allowed, step.remaining, step.delivered
		if got := l.scarce(); got != step.want {
			t.Errorf("%d left of %d less %d: scarce = %t", step.remaining, step.allowed, step.delivered, got)
		}
	}
	l.setPolling("/data/AccountChangeEvent", true)
	if text := fmt.Sprint(l.usage()); !strings.Contains(text, polledTopics) {
		t.Errorf("usage = %s", text)
	}
}
