package ledger

import (
	"context"

	"accord/engine/record"
)

// Known is a record that a side showed once, with the pair that it belongs to.
type Known struct {
	Object, PairID string
	Side           record.Side
	Record         record.Record
}

// KnownRecords calls yield for each record of an object ("" = of all), whatever became of it, by object, side and id. It
// reads everything that is known of them: it is for people who don't know a record's id. An error of yield ends it.
func (l *Ledger) KnownRecords(ctx context.Context, object string, yield func(Known) error) error {
	return l.read(ctx, "look through the records of "+object, func(t *tx) error {
		return t.query(`SELECT `+seenColumns+` FROM seen WHERE $1 = '' OR object = $1 ORDER BY object, side, record_id`, []any{clean(object)}, func(r row) error {
			s, err := scanSeen(r)
			if err != nil {
				return err
			}
			return yield(Known{s.object, s.pairID, s.side, *s.record()})
		})
	})
}
