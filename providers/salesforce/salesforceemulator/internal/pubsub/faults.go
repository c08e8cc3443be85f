package pubsub

import (
	"fmt"
	"slices"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

// CheckFault tells what keeps a fault of the event side from making sense.
func CheckFault(f fault.Fault) error {
	if !f.OnBus() || f.Code == "" {
		return nil
	}
	if _, ok := failures()[f.Code]; !ok {
		return fmt.Errorf("%q is none of the documented error codes of the Pub/Sub API (without their common prefix)", f.Code)
	}
	return nil
}

// operation names the call for the script of faults.
func (r *rpc) operation() string { return "pubsub/" + r.method }

// before applies the faults that come before a call is done. An error is the call's answer.
func (r *rpc) before(token string) error {
	s := r.server
	take := func(kinds ...fault.Kind) (fault.Fault, bool) {
		return s.faults.Take(func(f *fault.Fault) bool { return f.Strikes(r.operation(), kinds...) })
	}
	if s.options.Calling != nil {
		s.options.Calling(r.operation())
	}
	if f, ok := take(fault.Delay); ok {
		if err := s.options.Clock.Wait(r.ctx, f.Delay); err != nil {
			return err
		}
	}
	f, ok := take(fault.DropBefore, fault.Error, fault.Expire)
	switch {
	case !ok:
		return nil
	case f.Kind == fault.Expire:
		if s.options.Expire != nil {
			s.options.Expire(token)
		}
		return r.fail(codeAuthError)
	case f.Kind == fault.DropBefore:
		if err := s.options.Clock.Wait(r.ctx, f.Delay); err != nil {
			return err
		}
		return r.broken()
	}
	return r.failPlain(f.Code)
}

// done is the end of a call: its answer, unless a fault keeps the caller from getting it.
func done[T any](r *rpc, answer *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	f, ok := r.server.faults.Take(func(f *fault.Fault) bool {
		return f.Strikes(r.operation(), fault.DropAfter, fault.Truncate, fault.ErrorAfter)
	})
	switch {
	case !ok:
		return answer, nil
	case f.Kind == fault.ErrorAfter:
		return nil, r.failPlain(f.Code)
	}
	if err := r.server.options.Clock.Wait(r.ctx, f.Delay); err != nil {
		return nil, err
	}
	return nil, r.broken()
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
