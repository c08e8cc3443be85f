package simulation

import (
	"context"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// mailbox is what one vendor still has to report. It outlives the process that listens.
type mailbox struct {
	letters []letter
	wake    chan struct{}
	sent    int
}

type letter struct {
	at     time.Time
	number int
	table  string
	change record.Change
}

// post has a vendor report a change: sometimes late, twice, with less than changed, or not at all.
func (w *world) post(side record.Side, table, id string) {
	if w.quiet.Load() {
		return
	}
	r, ok := w.find(side, table, id)
	if !ok {
		return
	}
	bare := w.hit(BareEvent, 3)
	lost, late, twice := w.hit(LostEvent, 1), w.hit(LateEvent, 1), w.hit(DoubleEvent, 1)
	c := record.Change{Record: record.Record{ID: id}, Partial: true}
	if !bare && r.State != record.Missing && r.State != record.Outside {
		c = record.Change{Record: r, Ours: r.Actor == "accord"}
		c.Record.Fields, c.Record.Changed = record.Fields{}, map[string]record.Version{}
		for name, v := range r.Changed {
			if v == r.Version {
				c.Record.Fields[name], c.Record.Changed[name] = r.Fields[name], v
			}
		}
		if r.State != record.Live {
			c.Record.Fields, c.Record.Changed = nil, nil
		}
	}
	delay := w.between("mail", 30*time.Millisecond, 3*time.Second)
	if late {
		delay += w.between("mail", 10*time.Second, 200*time.Second)
	}
	again := w.between("mail", time.Millisecond, 40*time.Second)
	if lost {
		return
	}
	w.mu.Lock()
	b := w.mail[side]
	b.letters = append(b.letters, letter{at: time.Now().Add(delay), number: b.sent, table: table, change: c})
	b.sent++
	if twice {
		b.letters = append(b.letters, letter{at: time.Now().Add(delay + again), number: b.sent, table: table, change: c})
		b.sent++
	}
	w.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next is the letter that is due first.
func (w *world) next(side record.Side) (letter, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var first *letter
	for i := range w.mail[side].letters {
		l := &w.mail[side].letters[i]
		if first == nil || l.at.Before(first.at) || l.at.Equal(first.at) && l.number < first.number {
			first = l
		}
	}
	if first == nil {
		return letter{}, false
	}
	return *first, true
}

// settleLetter takes a letter out of its box, or puts it off.
func (w *world) settleLetter(side record.Side, number int, again time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.mail[side]
	for i := range b.letters {
		if b.letters[i].number == number {
			if again.IsZero() {
				b.letters = append(b.letters[:i], b.letters[i+1:]...)
			} else {
				b.letters[i].at = again
			}
			return
		}
	}
}

// Watch delivers the vendor's letters. One that can't be taken in comes again after a minute, as webhooks do.
func (v *vendor) Watch(ctx context.Context, bound []provider.Binding, _ map[string]string, emit provider.Emit) error {
	w := v.p.w
	box := w.mail[v.side]
	pause(ctx, v.p.between("watch/"+v.side.String(), time.Millisecond, 20*time.Millisecond))
	for ctx.Err() == nil {
		l, ok := w.next(v.side)
		if wait := time.Until(l.at); !ok || wait > 0 {
			if !ok {
				wait = time.Hour
			}
			timer := time.NewTimer(wait + v.p.moment("due/"+v.side.String(), time.Millisecond)) // another worker may wait for it, too
			select {
			case <-ctx.Done():
			case <-box.wake:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		var changes []record.Change
		for _, b := range bound {
			if b.Spec.Settings[v.Table] == l.table {
				c := l.change
				c.Object = b.Spec.Object
				c.Record.Fields = ofObject(b.Spec, c.Record.Fields)
				changes = append(changes, c)
			}
		}
		w.trace.add("%s event %s partial=%v v=%d", v.side, l.change.Record.ID, l.change.Partial, l.change.Record.Version)
		begun := time.Now()
		if err := emit(ctx, changes, provider.Cursor{}); err != nil {
			w.settleLetter(v.side, l.number, time.Now().Add(w.between("mail", time.Minute, 2*time.Minute)))
			continue
		}
		w.acknowledged(v.side, changes, begun)
		w.settleLetter(v.side, l.number, time.Time{})
		pause(ctx, v.p.between("watch/"+v.side.String(), time.Microsecond, time.Millisecond))
	}
	return ctx.Err()
}

// ofObject keeps the fields that an object has.
func ofObject(spec provider.ObjectSpec, fields record.Fields) record.Fields {
	if fields == nil {
		return nil
	}
	kept := record.Fields{}
	for _, f := range spec.Fields {
		if v, ok := fields[f.Name]; ok {
			kept[f.Name] = v
		}
	}
	return kept
}

// pause waits, and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
