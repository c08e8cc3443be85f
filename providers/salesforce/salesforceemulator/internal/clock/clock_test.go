package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacedTimersFireOnEmulatedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(nil, 60)
		wall, emulated := time.Now(), c.Now()
		fired, stop := c.Timer(time.Hour)
		defer stop()
		<-fired
		if took := time.Since(wall); took != time.Minute {
			t.Errorf("an hour at pace 60 took %v of the wall's time", took)
		}
		if passed := c.Now().Sub(emulated); passed != time.Hour {
			t.Errorf("%v passed on the clock", passed)
		}
	})
}

func TestAdvanceFiresWhatIsDue(t *testing.T) {
	still := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := New(func() time.Time { return still }, 0)
	near, _ := c.Timer(time.Minute)
	far, _ := c.Timer(time.Hour)
	stopped, stop := c.Timer(time.Minute)
	stop()
	c.Advance(59 * time.Second)
	select {
	case <-near:
		t.Error("a minute's timer fired after 59 seconds")
	default:
	}
	c.Advance(time.Second)
	if at := <-near; !at.Equal(still.Add(time.Minute)) {
		t.Errorf("it fired at %v", at)
	}
	select {
	case <-far:
		t.Error("an hour's timer fired after a minute")
	case <-stopped:
		t.Error("a stopped timer fired")
	default:
	}
	c.NotBefore(still.Add(2 * time.Hour))
	<-far
	c.NotBefore(still)
	if now := c.Now(); !now.Equal(still.Add(2 * time.Hour)) {
		t.Errorf("the clock went back to %v", now)
	}
	if len(c.timers) != 0 {
		t.Errorf("%d timers are left", len(c.timers))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		still := time.Now()
		c := New(func() time.Time { return still }, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.Wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the wait ended with %v", err)
		}
		if err := c.Wait(ctx, 0); err != nil {
			t.Error(err)
		}
	})
}
