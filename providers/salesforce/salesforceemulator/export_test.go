package salesforceemulator

import (
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

func grantAccount(tx *org.Tx) error { return tx.GrantToProfiles("Account") }

// inFlight lists when the calls under way began.
func (l *limiter) inFlight() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []time.Time
	for _, t := range l.calls {
		out = append(out, t)
	}
	return out
}
