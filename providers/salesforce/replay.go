package salesforce

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
)

// position is a place in a topic: the id of the last event that is safe, and the time up to which nothing was missed.
// Ids live for three days, the time for ever: where the id is not known or not known any more, the records that changed
// since are listed instead.
type position struct {
	replay []byte
	mark   record.Version
}

// String is how the ledger keeps it: base64 of the replay id, "@", milliseconds.
func (p position) String() string {
	return base64.StdEncoding.EncodeToString(p.replay) + "@" + strconv.FormatInt(int64(p.mark), 10)
}

// parsePosition reads a kept position. One that can't be read is like one without an id and from the beginning of time.
func parsePosition(s string) position {
	id, mark, _ := strings.Cut(s, "@")
	var p position
	replay, err := base64.StdEncoding.DecodeString(id)
	if err != nil {
		return p
	}
	p.replay = replay
	if ms, err := strconv.ParseInt(mark, 10, 64); err == nil && ms > 0 {
		p.mark = record.Version(ms)
	}
	return p
}

// sweep reports all records that changed since a version, as List shows them, and returns the version from which the
// next sweep misses nothing. No cursor moves with it.
func (w *watcher) sweep(ctx context.Context, since record.Version) (record.Version, error) {
	w.log.Info("list what changed instead of its events", "since", since.Time())
	next := record.Version(0)
	for i, r := range w.records {
		v, err := r.List(ctx, sweepFrom(since), func(page []record.Record) error {
			changes := make([]record.Change, len(page))
			for i, rec := range page {
				changes[i] = record.Change{Object: r.name, Record: rec}
			}
			return w.hand(ctx, changes, provider.Cursor{})
		})
		if err != nil {
			return 0, err
		}
		if i == 0 || v < next {
			next = v
		}
	}
	w.swept = w.events.config.Clock()
	return next, nil
}

// wholeEntity is what an event names instead of record ids when it is about all records of the sObject: after an
// overflow, or a change of a field's type (Change Data Capture Developer Guide, "Gap Events" and "Overflow Events").
func wholeEntity(e changeEvent) bool {
	if e.typ == "GAP_OVERFLOW" {
		return true
	}
	for _, id := range e.ids {
		if strings.HasSuffix(id, "*") || id == "000000000000000AAA" {
			return true
		}
	}
	return false
}
