package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"accord/engine/ledger"
)

func TestExclusiveIsHeldOnce(t *testing.T) {
	engines(t, func(t *testing.T, l *fixture) {
		release, err := l.Exclusive(t.Context(), "sync")
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := l.Exclusive(short, "sync"); !errors.Is(err, ledger.ErrHeld) {
			t.Errorf("a second holder got %v, want ErrHeld", err)
		}
		other, err := l.Exclusive(t.Context(), "apply")
		if err != nil {
			t.Errorf("another purpose is not free: %v", err)
		} else {
			other()
		}
		release()
		again, err := l.Exclusive(t.Context(), "sync")
		if err != nil {
			t.Fatalf("after release: %v", err)
		}
		again()
	})
}
