package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"accord/engine/record"
)

// Occasion is an event that a vendor published, as one trigger takes it.
type Occasion struct {
	Trigger    string
	Connection string // who published it
	EventID    string // what makes it be taken once, within its connection
	Event      string // its name
	// Object and IDs are of the record that it is about: how either side would spell the record's id. Both are empty where
	// it is about none.
	Object    string
	IDs       [2]string
	Payload   json.RawMessage // opaque to the ledger
	State     string          // waiting | fired | passed | failed
	Attempts  int             // how often it was put off
	Error     string
	CreatedAt time.Time
}

// OccasionOutcome is what became of an occasion. With none of the three set its trigger's condition said no.
type OccasionOutcome struct {
	Firings []Firing
	Retry   *Retry      // puts it off until At
	Dead    *DeadLetter // it failed for good. Object, Trigger and Occurrence are filled in.
}

// Heard is a batch of events with the cursor behind them.
type Heard struct {
	Events []HeardEvent
	Cursor Cursor
	Gap    *Gap // nil: none
}

// HeardEvent is an occasion with what is known of its outcome; a nil outcome is not known yet.
type HeardEvent struct {
	Occasion Occasion
	Outcome  *OccasionOutcome
}

// Gap is a stretch of which a vendor kept no events any more when somebody came back for them.
type Gap struct {
	Connection, Name string // as in the cursor
	Since            time.Time
	FoundAt          time.Time
}

const (
	occasionColumns = `trigger_name, connection, event_id, event, object, left_id, right_id, payload, state, attempts, error, created_at`
	// keptOccasions is how long settled occasions are remembered: for longer than any vendor delivers an event again.
	keptOccasions = 7 * 24 * time.Hour
)

// Hear records events and what follows from them, with the cursor, in one transaction: once it returns nil, they may be
// acknowledged. An occasion that is known already changes nothing. It returns how many were new.
func (l *Ledger) Hear(ctx context.Context, h Heard) (fresh int, err error) {
	err = l.write(ctx, fmt.Sprintf("record %d events", len(h.Events)), []string{"firings"}, func(t *tx) error {
		fresh = 0
		for _, e := range h.Events {
			did, err := t.hear(e)
			if err != nil {
				return err
			}
			fresh += number(did)
		}
		if h.Gap != nil {
			if _, err := t.exec(`INSERT INTO event_gap (connection, name, since, found_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (connection, name, since) DO NOTHING`, h.Gap.Connection, h.Gap.Name, millis(h.Gap.Since), t.now); err != nil {
				return err
			}
		}
		if fresh > 0 {
			if _, err := t.exec(`DELETE FROM trigger_event WHERE state IN ('fired', 'passed') AND created_at < $1`, t.now-keptOccasions.Milliseconds()); err != nil {
				return err
			}
		}
		return t.setCursor(h.Cursor)
	})
	return fresh, err
}

func (t *tx) hear(e HeardEvent) (fresh bool, err error) {
	o := e.Occasion
	payload := string(o.Payload)
	if !json.Valid(o.Payload) {
		payload = "null"
	}
	n, err := t.exec(`INSERT INTO trigger_event (trigger_name, connection, event_id, event, object, left_id, right_id, payload, state, attempts, not_before, error, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, 0, '', $9) ON CONFLICT (trigger_name, connection, event_id) DO NOTHING`,
		o.Trigger, o.Connection, o.EventID, o.Event, o.Object, o.IDs[record.Left], o.IDs[record.Right], clean(payload), t.now)
	if err != nil || n == 0 || e.Outcome == nil {
		return n > 0, err
	}
	return true, t.settleOccasion(o, *e.Outcome)
}

// DueOccasions lists events that wait for their outcome, oldest first. Looking at one twice does no harm: it is settled
// once.
func (l *Ledger) DueOccasions(ctx context.Context, limit int) ([]Occasion, error) {
	var list []Occasion
	err := l.read(ctx, "list the events that wait", func(t *tx) (err error) {
		list, err = t.occasions(`state = 'waiting' AND not_before <= $1 ORDER BY created_at, connection, event_id, trigger_name LIMIT $2`, []any{t.now, orAll(limit)})
		return err
	})
	return list, err
}

func (t *tx) occasions(where string, args []any) ([]Occasion, error) {
	var list []Occasion
	err := t.query(`SELECT `+occasionColumns+` FROM trigger_event WHERE `+where, args, func(r row) error {
		var o Occasion
		var payload string
		var created int64
		err := r.Scan(&o.Trigger, &o.Connection, &o.EventID, &o.Event, &o.Object, &o.IDs[record.Left], &o.IDs[record.Right], &payload,
			&o.State, &o.Attempts, &o.Error, &created)
		o.Payload, o.CreatedAt = json.RawMessage(payload), moment(created)
		list = append(list, o)
		return err
	})
	return list, err
}

// SettleOccasion records what became of an event that waited. One that is settled already is passed over.
func (l *Ledger) SettleOccasion(ctx context.Context, o Occasion, out OccasionOutcome) error {
	what := fmt.Sprintf("settle event %s for trigger %s", o.EventID, o.Trigger)
	return l.write(ctx, what, []string{"firings"}, func(t *tx) error { return t.settleOccasion(o, out) })
}

func (t *tx) settleOccasion(o Occasion, out OccasionOutcome) error {
	state, text, notBefore := "passed", "", int64(0)
	switch {
	case number(len(out.Firings) > 0)+number(out.Retry != nil)+number(out.Dead != nil) > 1:
		return errors.New("an event has one outcome")
	case len(out.Firings) > 0:
		state = "fired"
	case out.Retry != nil:
		state, text, notBefore = "waiting", out.Retry.Error, millis(out.Retry.At)
	case out.Dead != nil:
		state, text = "failed", out.Dead.Message
	}
	n, err := t.exec(`UPDATE trigger_event SET state = $1, error = $2, not_before = $3, attempts = attempts + 1
		WHERE trigger_name = $4 AND connection = $5 AND event_id = $6 AND state = 'waiting'`, state, text, notBefore, o.Trigger, o.Connection, o.EventID)
	if err != nil || n == 0 {
		return err
	}
	if err := t.addFirings(out.Firings); err != nil || out.Dead == nil {
		return err
	}
	d := *out.Dead
	d.Object, d.PairID, d.Trigger, d.Occurrence = o.Object, "", o.Trigger, o.occurrence()
	if len(d.Payload) == 0 {
		d.Payload = o.Payload
	}
	return t.openDeadLetters([]DeadLetter{d})
}

// occurrence is what a dead letter calls the event by.
func (o Occasion) occurrence() string { return o.Connection + " " + o.EventID }

// retryOccasion has an event that failed looked at again.
func (t *tx) retryOccasion(trigger, occurrence string) error {
	_, err := t.exec(`UPDATE trigger_event SET state = 'waiting', attempts = 0, not_before = 0, created_at = $1
		WHERE trigger_name = $2 AND connection || ' ' || event_id = $3 AND state = 'failed'`, t.now, trigger, occurrence)
	return err
}

// TriggerStats counts what the ledger holds of one trigger.
type TriggerStats struct {
	Trigger string
	Waiting int       // actions that wait for their record
	Ready   int       // actions to carry out, whenever due
	Done    int       // actions carried out
	Failed  int       // open dead letters
	Alone   int       // of those, about no object
	Events  int       // events whose record is not known yet
	Last    time.Time // when an action was recorded last; zero = never
}

// TriggerStats counts, by trigger, in the order of their names.
func (l *Ledger) TriggerStats(ctx context.Context) ([]TriggerStats, error) {
	stats := map[string]*TriggerStats{}
	of := func(trigger string) *TriggerStats {
		if stats[trigger] == nil {
			stats[trigger] = &TriggerStats{Trigger: trigger}
		}
		return stats[trigger]
	}
	err := l.read(ctx, "count what triggers did", func(t *tx) error {
		err := t.query(`SELECT trigger_name, state, COUNT(*), MAX(created_at) FROM trigger_firing GROUP BY trigger_name, state`, nil, func(r row) error {
			var name, state string
			var n int
			var last int64
			err := r.Scan(&name, &state, &n, &last)
			s := of(name)
			switch state {
			case "waiting":
				s.Waiting = n
			case "ready":
				s.Ready = n
			case "done":
				s.Done = n
			}
			if at := moment(last); at.After(s.Last) {
				s.Last = at
			}
			return err
		})
		if err != nil {
			return err
		}
		for table, into := range map[string]func(*TriggerStats, int){
			"deadletter WHERE state = 'open' AND trigger_name <> ''":                 func(s *TriggerStats, n int) { s.Failed = n },
			"deadletter WHERE state = 'open' AND trigger_name <> '' AND object = ''": func(s *TriggerStats, n int) { s.Alone = n },
			"trigger_event WHERE state = 'waiting'":                                  func(s *TriggerStats, n int) { s.Events = n },
		} {
			if err := t.query(`SELECT trigger_name, COUNT(*) FROM `+table+` GROUP BY trigger_name`, nil, func(r row) error {
				var name string
				var n int
				err := r.Scan(&name, &n)
				into(of(name), n)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]TriggerStats, 0, len(stats))
	for _, name := range sorted(stats) {
		list = append(list, *stats[name])
	}
	return list, nil
}

// OccasionsOf lists a trigger's events that wait or failed, newest first.
func (l *Ledger) OccasionsOf(ctx context.Context, trigger string, limit int) (list []Occasion, err error) {
	err = l.read(ctx, "list the events of trigger "+trigger, func(t *tx) error {
		list, err = t.occasions(`trigger_name = $1 AND state IN ('waiting', 'failed') ORDER BY created_at DESC, event_id LIMIT $2`, []any{trigger, orAll(limit)})
		return err
	})
	return list, err
}

// Gaps lists the stretches of which events may be lost, newest first.
func (l *Ledger) Gaps(ctx context.Context) ([]Gap, error) {
	var list []Gap
	err := l.read(ctx, "list the gaps in streams of events", func(t *tx) error {
		return t.query(`SELECT connection, name, since, found_at FROM event_gap ORDER BY found_at DESC, connection, name, since`, nil, func(r row) error {
			var g Gap
			var since, found int64
			err := r.Scan(&g.Connection, &g.Name, &since, &found)
			g.Since, g.FoundAt = moment(since), moment(found)
			list = append(list, g)
			return err
		})
	})
	return list, err
}
