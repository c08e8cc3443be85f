package pubsub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// FaultKind names something the vendor documents as going wrong.
type FaultKind string

// The faults that can be provoked.
const (
	// FaultDrop breaks a stream at its next delivery, before anything of it arrives, like a lost connection.
	FaultDrop FaultKind = "drop"
	// FaultStaleReplay refuses the next subscription that starts at a replay id, as if the id had aged out.
	FaultStaleReplay FaultKind = "stale_replay"
	// FaultGap turns the next change into a GAP_ event.
	FaultGap FaultKind = "gap"
	// FaultOverflow sums up the next change, and what follows it in its transaction, in overflow events.
	FaultOverflow FaultKind = "overflow"
	// FaultDuplicate delivers the next event twice, the second time under a new replay id.
	FaultDuplicate FaultKind = "duplicate"
	// FaultLose loses the next event: it is never delivered and cannot be replayed.
	FaultLose FaultKind = "lose"
	// FaultDelay holds the next event, and what follows it, back for Delay.
	FaultDelay FaultKind = "delay"
	// FaultDeliveryLimit ends the next delivery as if the org's allocation were used up.
	FaultDeliveryLimit FaultKind = "delivery_limit"
	// FaultError fails the next call of Method (any when empty) with Code, a suffix of the vendor's table such as
	// "service.unavailable"; an empty Code breaks the connection.
	FaultError FaultKind = "error"
)

// Fault asks for something to go wrong.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Object limits the fault to one object (Account, Shipped__e); empty means any.
	Object string `json:"object,omitempty"`
	// Topic limits faults of streams to one topic; empty means any.
	Topic string `json:"topic,omitempty"`
	// Method and Code are for FaultError.
	Method string `json:"method,omitempty"`
	Code   string `json:"code,omitempty"`
	// Count is how often it happens; 0 means once.
	Count int `json:"count,omitempty"`
	// Delay is for FaultDelay. In JSON it is text such as "20s".
	Delay time.Duration `json:"-"`
}

// UnmarshalJSON reads a fault as fault scripts write it.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type plain Fault
	script := struct {
		*plain
		Delay string `json:"delay"`
	}{plain: (*plain)(f)}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&script); err != nil {
		return fmt.Errorf("read a fault: %w", err)
	}
	if script.Delay == "" {
		return nil
	}
	delay, err := time.ParseDuration(script.Delay)
	if err != nil {
		return fmt.Errorf("read the delay of a fault: %w", err)
	}
	f.Delay = delay
	return nil
}

// Inject arranges for a fault. It is refused when it makes no sense.
func (s *Server) Inject(f Fault) error {
	kinds := []FaultKind{FaultDrop, FaultStaleReplay, FaultGap, FaultOverflow, FaultDuplicate, FaultLose, FaultDelay, FaultDeliveryLimit, FaultError}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("arrange the fault %q: there is no such kind; use one of %q", f.Kind, kinds)
	}
	if f.Kind == FaultError && f.Code != "" {
		if _, ok := s.failures[f.Code]; !ok {
			return fmt.Errorf("arrange the fault %q: %q is none of the documented error codes (without their common prefix)", f.Kind, f.Code)
		}
	}
	if f.Kind == FaultDelay && f.Delay <= 0 {
		return fmt.Errorf("arrange the fault %q: give a delay above zero", f.Kind)
	}
	if f.Count < 0 {
		return fmt.Errorf("arrange the fault %q: a count of %d makes no sense", f.Kind, f.Count)
	}
	f.Count = max(f.Count, 1)
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// Announce sends a gap event that no change of a record led to, as the vendor does for changes made in its database: after an
// incompatible change of a field's type ("001*" stands for all accounts), for archiving, or for a transaction that
// was too large (GAP_OVERFLOW and 000000000000000AAA). kind is one of the GAP_ change types.
func (s *Server) Announce(object, kind string, recordIDs ...string) error {
	kinds := []string{"GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"}
	if !slices.Contains(kinds, kind) || len(recordIDs) == 0 {
		return fmt.Errorf("announce %q for %d records of %s: give one of %q and at least one record id", kind, len(recordIDs), object, kinds)
	}
	channels := s.selections()[object]
	schema, ok := s.currentSchema(object)
	if !ok || len(channels) == 0 {
		return fmt.Errorf("announce %q for %s: it isn't selected for change data capture", kind, object)
	}
	now := s.clock()
	s.append(s.changes, []*event{{object: object, schema: schema, channels: channels, header: &header{
		recordIDs: slices.Clone(recordIDs), changeType: kind, transaction: s.newUUID(), sequence: 1,
		commitTime: now.Truncate(time.Second).UnixMilli(), commitNumber: now.UnixMilli(), user: s.schema.OrgID(),
		nulled: []string{}, diffed: []string{}, changed: []string{},
	}}})
	return nil
}

// ClearFaults forgets the faults that have not happened yet.
func (s *Server) ClearFaults() {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults = nil
}

// takeFault uses up one occurrence of a fault of objects.
func (s *Server) takeFault(k FaultKind, object string) bool {
	_, ok := s.take(func(f *Fault) bool { return f.Kind == k && (f.Object == "" || f.Object == object) })
	return ok
}

// takeStreamFault uses up one occurrence of a fault of streams.
func (s *Server) takeStreamFault(k FaultKind, topic string) bool {
	_, ok := s.take(func(f *Fault) bool { return f.Kind == k && (f.Topic == "" || f.Topic == topic) })
	return ok
}

func (s *Server) takeDelay(object string) time.Duration {
	f, ok := s.take(func(f *Fault) bool { return f.Kind == FaultDelay && (f.Object == "" || f.Object == object) })
	if !ok {
		return 0
	}
	return f.Delay
}

func (s *Server) takeError(method string) (code string, ok bool) {
	f, ok := s.take(func(f *Fault) bool { return f.Kind == FaultError && (f.Method == "" || f.Method == method) })
	return f.Code, ok
}

func (s *Server) take(matches func(*Fault) bool) (Fault, bool) {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	for i, f := range s.faults {
		if !matches(f) {
			continue
		}
		if f.Count--; f.Count <= 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return *f, true
	}
	return Fault{}, false
}
