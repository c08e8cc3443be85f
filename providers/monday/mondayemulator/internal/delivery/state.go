package delivery

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// waiting is a request that was not taken yet, as it is kept across restarts.
type waiting struct {
	To      string         `json:"to"`
	Signed  bool           `json:"signed,omitempty"`
	UserID  int64          `json:"user_id"`
	Event   map[string]any `json:"event"`
	Due     time.Time      `json:"due"`
	Attempt int            `json:"attempt,omitempty"` // how many were made
	Held    bool           `json:"held,omitempty"`    // waits for the next message to its address
	Plan    Plan           `json:"plan"`
}

// Export writes what waits to be sent, retries and what is under way included, as JSON.
func (s *Sender) Export() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*job
	held := map[*job]bool{}
	for _, l := range s.lanes {
		all = append(append(append(all, l.ready...), l.later...), l.held...)
		for _, j := range l.held {
			held[j] = true
		}
		if l.out != nil {
			all = append(all, l.out)
		}
	}
	slices.SortFunc(all, func(a, b *job) int { return cmp.Compare(a.seq, b.seq) })
	list := []waiting{}
	for _, j := range all {
		list = append(list, waiting{To: j.msg.To, Signed: j.msg.Signed, UserID: j.msg.UserID, Event: j.msg.Event, Due: j.due, Attempt: j.attempt, Held: held[j], Plan: j.plan})
	}
	out, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode waiting webhook requests: %w", err)
	}
	return out, nil
}

// Import takes up what Export wrote. What was under way is sent again.
func (s *Sender) Import(data []byte) error {
	var list []waiting
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // ids are longer than a float is exact
	if err := dec.Decode(&list); err != nil {
		return fmt.Errorf("decode waiting webhook requests: %w", err)
	}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range list {
		s.seq++
		j := &job{msg: Message{To: w.To, Signed: w.Signed, UserID: w.UserID, Event: w.Event}, due: w.Due, seq: s.seq, attempt: w.Attempt, plan: w.Plan}
		l := s.lane(w.To)
		switch {
		case w.Held:
			l.held = append(l.held, j)
		case w.Due.After(now):
			l.later = append(l.later, j)
		default:
			l.ready = append(l.ready, j)
		}
		s.start(l)
	}
	return nil
}
