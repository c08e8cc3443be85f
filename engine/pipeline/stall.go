package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/record"
)

// A vendor may refuse all of an object: its board is not shown any more, a permission was taken away, credentials were
// revoked, the system is in maintenance. Such an object stalls: nothing of it is read, decided or written, what was
// captured of it stays in the ledger, and the others go on. It is tried again with growing pauses, and goes on by itself
// when that succeeds. A record that is refused by itself stalls nothing: it becomes a dead letter.

// stalls holds, by object, why it stands still; streams holds the same, by connection, of what follows changes and events
// as they happen.
const (
	stalls  = "accord/stalls"
	streams = "accord/streams"
)

const (
	passingPause, passingMost = idlePoll, time.Minute            // between two tries of what should pass by itself
	refusedPause, refusedMost = 5 * time.Second, 5 * time.Minute // of what somebody must mend
	streamUp                  = 30 * time.Second                 // a stream that lasts so long is well
	onceTries                 = 5                                // of what should pass, before Once, or a first listing, gives up on it
	onceWaits                 = 2 * time.Minute                  // for one of them, at most
)

// Stall is why an object, or a connection's stream of changes, stands still. It ends by itself.
type Stall struct {
	Connection string    `json:"connection,omitempty"` // whose vendor refuses; "" where that is not told
	Kind       string    `json:"kind"`                 // what sort of refusal: "hidden", "unauthorized"
	Code       string    `json:"code,omitempty"`       // the vendor's
	Detail     string    `json:"detail"`
	Remedy     string    `json:"remedy"`
	Since      time.Time `json:"since"`
	Again      time.Time `json:"again"` // when it is tried again
	Tries      int       `json:"tries"`
	// Passing says that it should pass by itself.
	Passing bool `json:"passing,omitempty"`
}

// StalledError ends a sync that does not wait for what is refused to come back.
type StalledError struct {
	Objects, Streams map[string]Stall
	err              error // of one of them, for its kind
}

// Error names everything that was held, and why.
func (e *StalledError) Error() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Objects)) {
		parts = append(parts, fmt.Sprintf("object %s was held: %s: %s", name, e.Objects[name].Detail, e.Objects[name].Remedy))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Streams)) {
		parts = append(parts, fmt.Sprintf("%s was not followed: %s: %s", name, e.Streams[name].Detail, e.Streams[name].Remedy))
	}
	return strings.Join(parts, "; ")
}

// Unwrap is an error that has the kind of one of the refusals.
func (e *StalledError) Unwrap() error { return e.err }

// Stalls lists the objects that stand still now, by name, and the streams, by connection.
func Stalls(ctx context.Context, l *ledger.Ledger) (objects, followed map[string]Stall, err error) {
	if objects, err = readStalls(ctx, l, stalls); err != nil {
		return nil, nil, err
	}
	followed, err = readStalls(ctx, l, streams)
	return objects, followed, err
}

func readStalls(ctx context.Context, l *ledger.Ledger, of string) (map[string]Stall, error) {
	positions, err := l.Cursors(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("read what stands still: %w", err)
	}
	list := map[string]Stall{}
	for name, text := range positions {
		if text == "" {
			continue // it went on
		}
		var s Stall
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return nil, fmt.Errorf("read why %s stands still: %w", name, err)
		}
		list[name] = s
	}
	return list, nil
}

func saveStall(ctx context.Context, l *ledger.Ledger, of, name string, s Stall) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = l.SetCursor(ctx, ledger.Cursor{Connection: of, Name: name, Position: string(text)})
	}
	if err != nil {
		return fmt.Errorf("store why %s stands still: %w", name, err)
	}
	return nil
}

// standstill is what this process knows of stalled objects: what the ledger said when the round began, and what happened
// since. It is for several goroutines.
type standstill struct {
	mu    sync.Mutex
	of    map[string]Stall
	tried map[string]time.Time // the Again of which a try was begun, and has not failed since
}

func (s *standstill) get(name string) (Stall, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stall, ok := s.of[name]
	return stall, ok
}

func (s *standstill) put(name string, stall Stall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]Stall{}
	}
	s.of[name] = stall
}

func (s *standstill) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, name)
	delete(s.tried, name)
}

// trial notes that a stalled object is tried; fresh says that this try begins now.
func (s *standstill) trial(name string, stall Stall) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried[name].Equal(stall.Again) {
		return false
	}
	if s.tried == nil {
		s.tried = map[string]time.Time{}
	}
	s.tried[name] = stall.Again
	return true
}

// refusal is an error of a vendor, with the connection whose vendor it is.
type refusal struct {
	at  string
	err error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refusal says of an error where it comes from, and what was being done.
func (o *object) refusal(side record.Side, doing string, err error) error {
	return &refusal{o.side(side), fmt.Errorf("%s %s at %s: %w", doing, o.Name, o.side(side), err)}
}

// ofVendor is a vendor's error, and nil for any other: those of the ledger, and of a context that has ended.
func ofVendor(ctx context.Context, err error) *provider.Error {
	var e *provider.Error
	if ctx.Err() != nil || errors.Is(err, ledger.ErrLaneLost) || !errors.As(err, &e) {
		return nil
	}
	return e
}

// stall notes that a vendor has refused an object what it needs; with bad credentials, all objects of the connection. Any
// other error is returned.
func (p *Pipeline) stall(ctx context.Context, o *object, err error) error {
	e := ofVendor(ctx, err)
	if e == nil {
		return err
	}
	var r *refusal
	at := ""
	if errors.As(err, &r) {
		at = r.at
	}
	if err := p.noteStall(ctx, o.Name, at, e, err); err != nil {
		return err
	}
	if e.Kind != provider.Unauthorized || at == "" {
		return nil
	}
	for _, other := range p.objects {
		if other == o || other.side(record.Left) != at && other.side(record.Right) != at {
			continue
		}
		if s, ok := p.stalled.get(other.Name); ok && s.Again.After(p.cfg.Clock()) {
			continue
		}
		if err := p.noteStall(ctx, other.Name, at, e, err); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipeline) noteStall(ctx context.Context, name, at string, e *provider.Error, err error) error {
	old, still := p.stalled.get(name)
	s := p.stallOf(name, at, e, err, old)
	if still {
		p.cfg.Logger.Warn("still stalled", "object", name, "error", err, "tries", s.Tries, "again", s.Again.Sub(p.cfg.Clock()).String())
	} else {
		p.cfg.Logger.Warn("stalled", "object", name, "error", err, "remedy", s.Remedy, "again", s.Again.Sub(p.cfg.Clock()).String())
	}
	p.stalled.put(name, s)
	return saveStall(ctx, p.cfg.Ledger, stalls, name, s)
}

// stallOf is the stall that follows from an error; old is the one before, the zero one for none.
func (p *Pipeline) stallOf(name, at string, e *provider.Error, err error, old Stall) Stall {
	s := Stall{
		Connection: at, Kind: e.Kind.String(), Code: e.Code, Detail: err.Error(), Remedy: stallRemedy(e.Kind, at),
		Since: old.Since, Tries: old.Tries + 1, Passing: passing(err),
	}
	now := p.cfg.Clock()
	if s.Since.IsZero() {
		s.Since = now
	}
	first, most := refusedPause, refusedMost
	if s.Passing {
		first, most = passingPause, passingMost
	}
	pause := min(first<<min(s.Tries-1, 10), most)
	if e.RetryAfter > 0 {
		pause = e.RetryAfter
	}
	// What stalled together is not tried together, and never at one moment.
	s.Again = now.Add(pause + offset(fmt.Sprint(p.cfg.Worker, name, s.Tries))/20)
	return s
}

// stallRemedy says what to do about a refusal.
func stallRemedy(kind provider.Kind, at string) string {
	if at == "" {
		at = "the connection"
	}
	switch kind {
	case provider.Unauthorized:
		return "renew the credentials of " + at + ": those in a file are read anew with every try, those in the environment when sync starts"
	case provider.Hidden, provider.NotFound:
		return "bring it back, or give the user of " + at + " access to it; if it is gone for good, change the contract and apply"
	case provider.Denied:
		return "give the user of " + at + " the missing access (see `accord plan`)"
	case provider.Exhausted:
		return "wait for the allowance to be renewed, or have it raised"
	case provider.Invalid, provider.Internal, provider.Stale:
		return "see what is said; where a field or column was renamed or deleted, bring it back, or change the contract and apply"
	default:
		return "nothing, as long as it passes by itself"
	}
}

// waits says whether an object stands still, and is not to be tried again yet.
func (p *Pipeline) waits(o *object) bool {
	s, ok := p.stalled.get(o.Name)
	return ok && p.cfg.Clock().Before(s.Again)
}

// waiting names the objects that stand still and are not to be tried again yet.
func (p *Pipeline) waiting() []string {
	var names []string
	for _, o := range p.objects {
		if p.waits(o) {
			names = append(names, o.Name)
		}
	}
	return names
}

// try begins to let a stalled object go on: what it needs of the vendors is asked for first, and what changed meanwhile
// comes with it. Stop says that it stands still again.
func (p *Pipeline) try(ctx context.Context, o *object) (stop bool, err error) {
	s, ok := p.stalled.get(o.Name)
	if !ok || !p.stalled.trial(o.Name, s) {
		return false, nil
	}
	switch {
	case o.unbound:
		err = p.rebind(ctx, o)
	case !o.unlisted: // else it is listed whole
		err = p.sweepObject(ctx, o)
	}
	if err != nil {
		return true, p.stall(ctx, o, err)
	}
	return false, nil
}

// goesOn forgets that an object stood still.
func (p *Pipeline) goesOn(ctx context.Context, o *object) error {
	s, ok := p.stalled.get(o.Name)
	if !ok {
		return nil
	}
	p.stalled.drop(o.Name)
	p.cfg.Logger.Info("goes on", "object", o.Name, "stood_still", p.cfg.Clock().Sub(s.Since).Round(time.Second).String(), "because", s.Detail)
	if err := p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: stalls, Name: o.Name}); err != nil {
		return fmt.Errorf("note that %s goes on: %w", o.Name, err)
	}
	return nil
}

// recall takes up what the ledger knows of stalled objects: other workers may have found out more.
func (p *Pipeline) recall(ctx context.Context) error {
	known, err := readStalls(ctx, p.cfg.Ledger, stalls)
	if err != nil {
		return err
	}
	p.stalled.mu.Lock()
	defer p.stalled.mu.Unlock()
	p.stalled.of = known
	return nil
}

// retryAtOnce has everything that stood still under an earlier life, or an earlier contract, tried now.
func (p *Pipeline) retryAtOnce(ctx context.Context, c *contract.Contract) error {
	known, err := readStalls(ctx, p.cfg.Ledger, stalls)
	if err != nil {
		return err
	}
	p.stalled.mu.Lock()
	p.stalled.of, p.stalled.tried = map[string]Stall{}, nil
	p.stalled.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		s := known[name]
		if c.Object(name) == nil {
			if err := p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: stalls, Name: name}); err != nil {
				return err
			}
			continue
		}
		s.Again, s.Tries = p.cfg.Clock(), 0
		p.stalled.put(name, s)
		if err := saveStall(ctx, p.cfg.Ledger, stalls, name, s); err != nil {
			return err
		}
	}
	return nil
}

// follow keeps a stream of a connection open until ctx ends. One that its vendor refuses is asked for again and again;
// meanwhile sweeps find what changes.
func (p *Pipeline) follow(ctx context.Context, address, name string, open func(context.Context) error) error {
	var s Stall
	if err := p.flows(ctx, name); err != nil {
		return err
	}
	for {
		well := time.AfterFunc(streamUp, func() { _ = p.flows(ctx, name) }) // the next to be well notes it as well
		err := open(ctx)
		if lasted := !well.Stop(); lasted {
			s = Stall{}
		}
		if ctx.Err() != nil {
			return nil
		}
		e := ofVendor(ctx, err)
		if e == nil {
			return err
		}
		s = p.stallOf(name, address, e, err, s)
		p.cfg.Logger.Warn("changes are not told of: sweeps find them meanwhile", "connection", address, "error", err, "remedy", s.Remedy, "again", s.Again.Sub(p.cfg.Clock()).String())
		if err := saveStall(ctx, p.cfg.Ledger, streams, name, s); err != nil {
			return err
		}
		timer := time.NewTimer(max(s.Again.Sub(p.cfg.Clock()), 0))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// flows forgets that a stream was refused.
func (p *Pipeline) flows(ctx context.Context, name string) error {
	text, err := p.cfg.Ledger.Cursor(ctx, streams, name)
	if err != nil || text == "" {
		return err
	}
	return p.cfg.Ledger.SetCursor(ctx, ledger.Cursor{Connection: streams, Name: name})
}

// patience is when the first of the objects for which Once waits is to be tried again: those that are refused for what
// should pass soon. Ok is false when there is none.
func (p *Pipeline) patience() (at time.Time, ok bool) {
	for _, o := range p.objects {
		s, stalled := p.stalled.get(o.Name)
		if !stalled || !p.soon(s) {
			continue
		}
		if !ok || s.Again.Before(at) {
			at, ok = s.Again, true
		}
	}
	return at, ok
}

// soon says whether a stall should be over so soon that it is worth waiting for.
func (p *Pipeline) soon(s Stall) bool {
	return s.Passing && s.Tries <= onceTries && !s.Again.After(p.cfg.Clock().Add(onceWaits))
}

// held is the error that names what could not be settled because vendors refuse it; nil when there is none.
func (p *Pipeline) held(ctx context.Context) error {
	objects, followed, err := Stalls(ctx, p.cfg.Ledger)
	if err != nil {
		return err
	}
	maps.DeleteFunc(objects, func(name string, _ Stall) bool { return p.object(name) == nil })
	maps.DeleteFunc(followed, func(_ string, s Stall) bool { return p.providers[s.Connection] == nil })
	if len(objects)+len(followed) == 0 {
		return nil
	}
	e := &StalledError{Objects: objects, Streams: followed}
	for _, list := range []map[string]Stall{objects, followed} {
		for _, s := range list {
			if s.Kind == provider.Unauthorized.String() {
				e.err = &provider.Error{Kind: provider.Unauthorized, Op: s.Detail, Code: s.Code}
			}
		}
	}
	return e
}
