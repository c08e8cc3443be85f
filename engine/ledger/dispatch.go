package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
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
// may have happened. Nil when there are none. A lane with a name is checked: ErrLaneLost when it has another holder.
func (l *Ledger) Dispatch(ctx context.Context, object string, side record.Side, limit int, lane Lane) (*Batch, error) {
	var batch *Batch
	object = clean(object)
	err := l.write(ctx, fmt.Sprintf("dispatch writes of %s to the %s side", object, side), []string{"object/" + object}, func(t *tx) error {
		batch = nil
		if err := t.holds(lane); err != nil {
			return err
		}
		var intents []*intentRow
		err := t.query(`SELECT `+intentColumns+` FROM intent WHERE object = $1 AND side = $2 AND state = 'ready' AND not_before <= $3
			ORDER BY priority, created_at, id LIMIT $4`, []any{object, side.String(), t.now, orAll(limit)}, func(r row) error {
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
			i.batch, i.key, i.sent, i.State = id, key, t.now, IntentSent
			ids[n] = i.ID
		}
		if _, err := t.execAmong(`UPDATE intent SET state = 'sent', batch_id = $1, idempotency_key = $2, sent_at = $3 WHERE id IN (%s)`,
			[]any{id, key, t.now}, ids); err != nil {
			return err
		}
		batch = &batchesOf(intents)[0]
		return nil
	})
	return batch, err
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
	first := 0
	for n, i := range intents {
		if len(list) == 0 || list[len(list)-1].ID != i.batch {
			list = append(list, Batch{ID: i.batch, Object: i.Object, Side: i.Side, Key: i.key, Sent: moment(i.sent)})
			first = n
		}
		b := &list[len(list)-1]
		b.Intents = append(b.Intents, i.Intent)
		b.Whole = idempotencyKey(intents[first:n+1]) == b.Key
	}
	return list
}
