package monday

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/monday/mondayemulator"
)

// direct is a transport without a network, which virtual time could not see through.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestLoadUnderPublishedLimits writes more than a minute's points can pay for. The governor must learn the price and
// wait, instead of running into refusals.
func TestLoadUnderPublishedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := mondayemulator.New(mondayemulator.Options{Token: "emulator-token", Plan: "pro", Limits: mondayemulator.LimitsPublished, Workspaces: []string{"Sales"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		p := newProvider(t, "http://emulator/v2", func(c *Config) {
			c.Token, c.HTTPClient = plainSecret("emulator-token"), &http.Client{Transport: direct{e}}
		})
		s := &stage{t: t, emulator: e, provider: p, resources: map[string]resource.Resource{}, specs: []provider.ObjectSpec{clientSpec()}}
		s.apply()
		r := s.records(clientSpec())
		e.ResetCounters()
		start := time.Now()
		ctx := ratelimit.WithPriority(t.Context(), ratelimit.Backfill)
		const items = 1000
		for from := 0; from < items; {
			batch := provider.Batch{Key: fmt.Sprint("b", from)}
			for i := from; i < min(from+r.Limits().BatchSize, items); i++ {
				batch.Patches = append(batch.Patches, record.Patch{Op: record.Create, Key: fmt.Sprintf("001%04d", i), Fields: record.Fields{"name": record.OfText("n")}})
			}
			results, err := write(ctx, r, batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range results {
				if x.Err != nil {
					t.Fatal(x.Err)
				}
			}
			from += len(batch.Patches)
		}
		took := time.Since(start)
		if n, err := r.Count(ctx); err != nil || n != items {
			t.Errorf("%d items, %v", n, err)
		}
		c := e.Counters()
		if c.RateLimited > 2 {
			t.Errorf("%d refusals of %d calls: the price was not learned", c.RateLimited, c.Calls)
		}
		if took > 15*time.Minute {
			t.Errorf("took %v of virtual time", took)
		}
		t.Logf("%d items: %d calls, %d points, %d refusals, %v", items, c.Calls, c.ComplexitySpent, c.RateLimited, took)
	})
}

// write does a batch with the time that the pipeline gives it.
func write(ctx context.Context, r *records, b provider.Batch) ([]record.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return r.Write(ctx, b)
}
