package delivery

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire answers without a network, so that time can be virtual.
type wire struct {
	mu     sync.Mutex
	status func(n int) int
	bodies []string
	times  []time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, string(body))
	w.times = append(w.times, time.Now())
	return &http.Response{StatusCode: w.status(len(w.bodies)), Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func TestRetriesOnceAMinuteForThirtyMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{status: func(int) int { return 500 }}
		var last Outcome
		s := New(Config{Now: time.Now, Client: &http.Client{Transport: w}, Done: func(o Outcome) { last = o }})
		start := time.Now()
		s.Send(Message{To: "http://x.example/h", Event: map[string]any{"type": "t"}})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(w.bodies) != 31 || !last.GaveUp || s.Pending() != 0 {
			t.Fatalf("%d attempts, last %+v, %d pending", len(w.bodies), last, s.Pending())
		}
		for i, at := range w.times {
			if at.Sub(start) != time.Duration(i)*time.Minute {
				t.Errorf("attempt %d after %v", i, at.Sub(start))
			}
			if retry := strings.Contains(w.bodies[i], `"isRetry":true`); retry != (i > 0) {
				t.Errorf("attempt %d: %s", i, w.bodies[i])
			}
		}
		s.Close()
	})
}

func TestARetryDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{status: func(n int) int {
			if n == 1 {
				return 503
			}
			return 200
		}}
		s := New(Config{Now: time.Now, Client: &http.Client{Transport: w}})
		s.Send(Message{To: "http://x.example/h", Event: map[string]any{"n": 1}})
		s.Send(Message{To: "http://x.example/h", Event: map[string]any{"n": 2}})
		synctest.Wait()
		if len(w.bodies) != 2 || s.Pending() != 1 {
			t.Fatalf("%v, %d pending", w.bodies, s.Pending())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.bodies) != 3 || !strings.Contains(w.bodies[2], `"n":1`) || s.Pending() != 0 {
			t.Fatalf("%v", w.bodies)
		}
		s.Close()
		s.Send(Message{To: "http://x.example/h", Event: map[string]any{"n": 3}}) // is dropped
		if s.Pending() != 0 {
			t.Error("a closed sender took a message")
		}
	})
}

func TestChallenge(t *testing.T) {
	for answer, ok := range map[string]bool{`{"challenge":"c"}`: true, `{"challenge":"d"}`: false, ``: false, `<html>`: false} {
		client := &http.Client{Transport: echo(answer)}
		s := New(Config{Now: time.Now, Client: client})
		if err := s.Challenge(context.Background(), "http://x.example/h", "c"); (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
		s.Close()
	}
}

type echo string

func (e echo) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(string(e))), Request: r}, nil
}
