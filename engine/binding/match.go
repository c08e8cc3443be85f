package binding

import (
	"slices"
	"strings"

	"accord/engine/lens"
	"accord/engine/record"
)

// MatchKey is what a record of one side is paired by: its canonical values of the object's match fields. Ok is false
// for a record that lacks one of them, which pairs with nothing.
func (b *Object) MatchKey(side record.Side, r *record.Record, env lens.Env) (key string, ok bool) {
	parts := make([]string, 0, len(b.Match))
	for _, name := range b.Match {
		l := b.Lenses[name]
		if l == nil {
			return "", false
		}
		v, err := l.Get(side, Natives(l, side, r), env)
		if err != nil || v.IsEmpty() {
			return "", false
		}
		parts = append(parts, l.Key(v))
	}
	return strings.Join(parts, "\x1e"), len(parts) > 0
}

// Natives picks a field's native values out of a record, in the lens's order.
func Natives(l *lens.Lens, side record.Side, r *record.Record) []record.Value {
	names := l.Natives(side)
	values := make([]record.Value, len(names))
	for i, n := range names {
		values[i] = r.Fields[n]
	}
	return values
}

// Candidate is a record without a partner, and what it may be paired by.
type Candidate struct {
	ID  string
	Key string
}

// Matches is what Match found.
type Matches struct {
	Pairs     [][2]string   // ids, left and right
	Ambiguous [][2][]string // ids that share one key, where a person must say which is which
}

// Match pairs records whose keys are equal, where exactly one record of each side has the key. Keys that only one
// side has are nobody's business here. The result is in the order of the keys.
func Match(left, right []Candidate) Matches {
	byKey := map[string]*[2][]string{}
	for side, candidates := range [2][]Candidate{left, right} {
		for _, c := range candidates {
			if byKey[c.Key] == nil {
				byKey[c.Key] = &[2][]string{}
			}
			byKey[c.Key][side] = append(byKey[c.Key][side], c.ID)
		}
	}
	keys := make([]string, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var m Matches
	for _, k := range keys {
		ids := byKey[k]
		switch {
		case len(ids[0]) == 0 || len(ids[1]) == 0:
		case len(ids[0]) == 1 && len(ids[1]) == 1:
			m.Pairs = append(m.Pairs, [2]string{ids[0][0], ids[1][0]})
		default:
			slices.Sort(ids[0])
			slices.Sort(ids[1])
			m.Ambiguous = append(m.Ambiguous, *ids)
		}
	}
	return m
}
