package merge

import (
	"maps"

	"accord/engine/record"
)

// carry does what a decision says, as two perfect vendors and a ledger would: the base moves, the patches are confirmed,
// and what was written is seen.
func carry(in Input, d Decision) Input {
	out := in
	out.Awards = nil
	for _, s := range record.Sides {
		out.Base[s] = overlay(in.Base[s], d.Agreed[s])
	}
	for _, s := range record.Sides {
		p := d.Patches[s]
		if p == nil {
			continue
		}
		var r record.Record
		if in.Seen[s] != nil {
			r = *in.Seen[s]
		}
		switch p.Op {
		case record.Create:
			r = record.Record{ID: [2]string{"l1", "r1"}[s], Fields: record.Fields{}}
			for _, l := range in.Lenses {
				for _, n := range l.Natives(s) {
					r.Fields[n] = record.Value{}
				}
			}
			out.Paired, out.Lone = true, LoneNew
		case record.Archive:
			r.State, out.Removed[s] = record.Archived, true
		case record.Delete:
			r.State, out.Removed[s] = record.Deleted, true
		case record.Update:
		}
		r.Fields = overlay(r.Fields, p.Fields)
		if p.Key != "" || p.Unlink {
			r.Key = p.Key
		}
		out.Seen[s] = &r
		for _, b := range record.Sides {
			out.Base[b] = overlay(out.Base[b], d.OnDone[s][b])
		}
	}
	return out
}

func overlay(under, over record.Fields) record.Fields {
	if len(over) == 0 {
		return under
	}
	f := record.Fields{}
	maps.Copy(f, under)
	maps.Copy(f, over)
	return f
}
