package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

// SeveralError says that a text is the name of more than one record, or the beginning of more than one id.
type SeveralError struct {
	Text    string
	Records []ledger.Known // the first of them, one of each pair
}

// Error lists them.
func (e *SeveralError) Error() string {
	const most = 10
	var b strings.Builder
	fmt.Fprintf(&b, "%q stands for several records; give the id of one:", e.Text)
	for i, r := range e.Records {
		if i == most {
			b.WriteString(" and more")
			break
		}
		fmt.Fprintf(&b, "\n  %s %s in %s", r.Object, r.Record.ID, contract.Systems[r.Side])
	}
	return b.String()
}

// errEnough ends a search that has found more than anybody will read.
var errEnough = errors.New("enough")

// shortestStart is how much of an id must be given for it to be taken for the beginning of one.
const shortestStart = 8

// find is the pair of the record that people know by a text: what it is matched by or called, or the beginning of its id.
// Values of sensitive fields are not looked at. ErrNotFound, or a *SeveralError.
func find(ctx context.Context, cfg Config, object, text string) (pairID string, err error) {
	applied, err := cfg.Ledger.InForce(ctx)
	if err != nil {
		return "", fmt.Errorf("read the contract in force: %w", err)
	}
	if applied == nil {
		return "", ledger.ErrNotFound
	}
	c, err := cfg.Decode(applied.Source)
	if err != nil {
		return "", fmt.Errorf("decode the contract in force (serial %d): %w", applied.Serial, err)
	}
	var found []ledger.Known
	err = cfg.Ledger.KnownRecords(ctx, object, func(k ledger.Known) error {
		o := c.Object(k.Object)
		if o == nil || !called(o, k, text) || slices.ContainsFunc(found, func(f ledger.Known) bool { return f.PairID == k.PairID }) {
			return nil
		}
		if found = append(found, k); len(found) > 100 {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return "", err
	case len(found) == 0:
		return "", ledger.ErrNotFound
	case len(found) > 1:
		return "", &SeveralError{text, found}
	default:
		return found[0].PairID, nil
	}
}

// called says whether people would call a record by a text: the value of a field that it is matched by, all of them in
// the contract's order with commas between, its name, or the beginning of its id.
func called(o *contract.Object, k ledger.Known, text string) bool {
	if len(text) >= shortestStart && strings.HasPrefix(k.Record.ID, text) {
		return true
	}
	text = folded(text)
	names := o.Match
	if !slices.Contains(names, "name") {
		names = append(slices.Clone(names), "name")
	}
	var all []string
	for _, name := range names {
		f := o.Field(name)
		if f == nil || f.Sensitive != "" || f.Reference != nil {
			continue
		}
		for _, n := range f.Ends[k.Side] {
			v := k.Record.Fields[n.Name]
			if v.IsEmpty() || v.Kind() == record.Reference {
				continue
			}
			one := folded(v.String())
			if one == text {
				return true
			}
			all = append(all, one)
		}
	}
	return len(all) > 1 && strings.Join(all, ", ") == text
}

// folded is a text without regard to case and to how much space is in it.
func folded(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }
