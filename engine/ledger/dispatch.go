package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/engine/record"
)

// Batch is intents that go to the vendor together. Its order, key and content never change once it was stamped, except
// that intents leave it as they are settled.
type Batch struct {
	ID      string
	Object  string
	Side    record.Side
	Key     string    // idempotency key
	Sent    time.Time // when the key was first used
	Tried   time.Time // when it was last used
	Intents []Intent  // in the order of the call
	// Whole says that no intent has left it: its key stands for just these writes. With another list of writes the key
	// must not be used again.
	Whole bool
}

// Patches are what the batch asks of a provider, in order.
func (b *Batch) Patches() []record.Patch {
	list := make([]record.Patch, len(b.Intents))
	for i := range b.Intents {
		list[i] = b.Intents[i].Patch()
	}
	return list
}

// Dispatch takes up to limit intents that are ready and due, the most urgent and then the oldest first, and stamps them as
// one batch: from then on they count as sent. It is called before the vendor is, so that a crash leaves a trace of what
// may have happened. Nil when there are none.
func (l *Ledger) Dispatch(ctx context.Context, object string, side record.Side, limit int) (*Batch, error) {
	return l.DispatchSome(ctx, object, side, Selection{Limit: limit})
}

// Selection says which intents may go into a batch.
type Selection struct {
	Limit int // at most so many; 0 = all
	// From is how many must be ready for any to be taken.
	From int
	// Live takes only what is more urgent than a backfill, Backfill only what is not; neither takes both.
	Live, Backfill bool
	// Ops are the operations that may be in it; none = any.
	Ops []record.Op
}

// where is the condition of a selection, and its arguments from $4 on.
func (s Selection) where() (condition string, args []any) {
	switch {
	case s.Live:
		condition = fmt.Sprintf(" AND priority < %d", PriorityBackfill)
	case s.Backfill:
		condition = fmt.Sprintf(" AND priority >= %d", PriorityBackfill)
	}
	var marks []string
	for _, op := range s.Ops {
		args = append(args, op.String())
		marks = append(marks, "$"+strconv.Itoa(len(args)+3))
	}
	if len(marks) > 0 {
		condition += " AND op IN (" + strings.Join(marks, ", ") + ")"
	}
	return condition, args
}

// DispatchSome is Dispatch for the intents that fit a selection. It takes thousands at once, for vendors that take
// files of records.
func (l *Ledger) DispatchSome(ctx context.Context, object string, side record.Side, want Selection) (*Batch, error) {
	var batch *Batch
	object = clean(object)
	condition, more := want.where()
	err := l.write(ctx, fmt.Sprintf("dispatch writes of %s to the %s side", object, side), []string{"object/" + object}, func(t *tx) error {
		batch = nil
		from := ` FROM intent WHERE object = $1 AND side = $2 AND state = 'ready' AND not_before <= $3` + condition
		args := append([]any{object, side.String(), t.now}, more...)
		if want.From > 1 {
			ready := 0
			if _, err := t.one(`SELECT COUNT(*)`+from, args, &ready); err != nil || ready < want.From {
				return err
			}
		}
		var intents []*intentRow
		err := t.query(`SELECT `+intentColumns+from+` ORDER BY priority, created_at, id LIMIT $`+strconv.Itoa(len(args)+1),
			append(args, orAll(want.Limit)), func(r row) error {
				i, err := scanIntent(r)
				intents = append(intents, i)
				return err
			})
		if err != nil || len(intents) == 0 {
			return err
		}
		id, key := l.ids.next(t.now), idempotencyKey(intents)
		ids := make([]string, len(intents))
		for n, i := range intents {
			i.batch, i.key, i.sent, i.tried, i.State = id, key, t.now, t.now, IntentSent
			ids[n] = i.ID
		}
		if _, err := t.execAmong(`UPDATE intent SET state = 'sent', batch_id = $1, idempotency_key = $2, sent_at = $3, tried_at = $3 WHERE id IN (%s)`,
			[]any{id, key, t.now}, ids); err != nil {
			return err
		}
		batch = &batchesOf(intents)[0]
		return nil
	})
	return batch, err
}

// Repeat notes that a batch is about to be sent again under its key: from now on it is under way anew.
func (l *Ledger) Repeat(ctx context.Context, b *Batch) error {
	return l.write(ctx, "note that a batch is sent again", nil, func(t *tx) error {
		b.Tried = moment(t.now)
		_, err := t.exec(`UPDATE intent SET tried_at = $1 WHERE batch_id = $2 AND state IN ('sent', 'unknown')`, t.now, b.ID)
		return err
	})
}

// idempotencyKey is the same for the same writes in the same order at the same attempt, and for nothing else. It has the
// shape of a UUID, which is what vendors ask for.
func idempotencyKey(intents []*intentRow) string {
	h := sha256.New()
	for _, i := range intents {
		h.Write([]byte(i.ID + " " + strconv.Itoa(i.Attempts) + "\n"))
	}
	sum := h.Sum(nil)[:16]
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made by a rule of our own, RFC 9562
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// Unsettled lists the batches of an object's side that were sent, or whose outcome is unknown, and that nobody has
// settled, oldest first: after a crash, what must be looked up before it is repeated. It also lists what is in flight
// just now.
func (l *Ledger) Unsettled(ctx context.Context, object string, side record.Side) ([]Batch, error) {
	var intents []*intentRow
	err := l.read(ctx, fmt.Sprintf("list unsettled writes of %s to the %s side", object, side), func(t *tx) error {
		return t.query(`SELECT `+intentColumns+` FROM intent WHERE object = $1 AND side = $2 AND state IN ('sent', 'unknown')
			ORDER BY batch_id, priority, created_at, id`, []any{object, side.String()}, func(r row) error {
			i, err := scanIntent(r)
			intents = append(intents, i)
			return err
		})
	})
	return batchesOf(intents), err
}

// batchesOf cuts intents that come batch by batch.
func batchesOf(intents []*intentRow) []Batch {
	var list []Batch
	for len(intents) > 0 {
		first := intents[0]
		n := slices.IndexFunc(intents, func(i *intentRow) bool { return i.batch != first.batch })
		if n < 0 {
			n = len(intents)
		}
		b := Batch{ID: first.batch, Object: first.Object, Side: first.Side, Key: first.key, Sent: moment(first.sent), Tried: moment(max(first.sent, first.tried)), Intents: make([]Intent, n)}
		for k, i := range intents[:n] {
			b.Intents[k] = i.Intent
		}
		b.Whole = idempotencyKey(intents[:n]) == b.Key
		list, intents = append(list, b), intents[n:]
	}
	return list
}
