package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/merge"
	"accord/engine/record"
)

// awarded are the sides to which an operator gave fields of a pair. An award holds for the values that the operator saw: one
// whose field shows anything else by now is void, and the field is decided as if there were none.
func awarded(o *object, w ledger.Work, env *environment) map[string]record.Side {
	var sides map[string]record.Side
	for _, name := range slices.Sorted(maps.Keys(env.awards[w.Pair.ID])) {
		a := env.awards[w.Pair.ID][name]
		f := o.Field(name)
		if name == "" && parted(w) { // about the record: its edit, or its partner's deletion
			if sides == nil {
				sides = map[string]record.Side{}
			}
			sides[name] = a.Side
			continue
		}
		if f == nil || !view(o, f, w, env, record.Left).Equal(a.Left) || !view(o, f, w, env, record.Right).Equal(a.Right) {
			env.void = append(env.void, a)
			continue
		}
		if sides == nil {
			sides = map[string]record.Side{}
		}
		sides[name] = a.Side
	}
	return sides
}

// parted says whether one record of a pair is there and the other is not.
func parted(w ledger.Work) bool {
	return w.Seen[0] != nil && w.Seen[1] != nil && (w.Seen[0].State == record.Live) != (w.Seen[1].State == record.Live)
}

// view is what one side shows of a field, as conflicts show it: the canonical value where there is one, else the native one.
func view(o *object, f *contract.Field, w ledger.Work, env *environment, side record.Side) record.Value {
	seen := w.Seen[side]
	if seen == nil {
		return record.Value{}
	}
	if v, ok := merge.Canonical(o.Object.Object, o.Lenses, env, side, seen.Fields)[f.Name]; ok {
		return v
	}
	for _, n := range f.Ends[side] {
		if v := seen.Fields[n.Name]; !v.IsEmpty() {
			return v
		}
	}
	return record.Value{}
}

func (p *Pipeline) dropAwards(ctx context.Context, o *object, env *environment) error {
	if len(env.void) == 0 {
		return nil
	}
	if err := o.ledger.DropAwards(ctx, env.void); err != nil {
		return fmt.Errorf("forget awards of %s that no longer hold: %w", o.Name, err)
	}
	return nil
}

func pairsOf(work []ledger.Work) []string {
	ids := make([]string, len(work))
	for i, w := range work {
		ids[i] = w.Pair.ID
	}
	return ids
}
