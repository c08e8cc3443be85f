package providertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"accord/engine/provider"
	"accord/engine/record"
)

// ended is the error of a call whose context had ended before it was made.
func ended(ctx context.Context, doing string) error {
	if err := ctx.Err(); err != nil {
		return &provider.Error{Kind: provider.Transient, Op: strings.TrimSpace(doing), Err: err}
	}
	return nil
}

// check refuses what no vendor takes: fields that are not there, and values that don't fit them. The System is locked.
func (r *records) check(p record.Patch) error {
	shapes := r.shapes()
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		shape, ok := shapes[name]
		why := "there is no such field"
		if ok {
			why = misfit(shape, p.Fields[name])
		}
		if why != "" {
			return &provider.Error{Kind: provider.Invalid, Op: p.Op.String() + " a record of " + r.table, Code: "BAD_VALUE", Message: why, Fields: []string{name}}
		}
	}
	return nil
}

// misfit says why a value does not fit a field, "" when it does.
func misfit(s record.Shape, v record.Value) string {
	many := v.Len() > 1 && v.Kind() != record.Interval && v.Kind() != record.Link
	switch {
	case v.IsEmpty():
		if s.Required {
			return "the field can't be empty"
		}
	case s.ReadOnly:
		return "the field can't be written"
	case v.Kind() != s.Kind:
		return fmt.Sprintf("the field holds a %s, not a %s", s.Kind, v.Kind())
	case many && !s.Many:
		return fmt.Sprintf("the field holds one value, not %d", v.Len())
	case s.MaxLength > 0 && utf8.RuneCountInString(v.Part(0)) > s.MaxLength:
		return fmt.Sprintf("the field holds %d characters", s.MaxLength)
	case s.Kind == record.Choice && s.Options != nil && !s.Open:
		for _, option := range v.Parts() {
			if !slices.Contains(s.Options, option) {
				return "the field does not offer this option"
			}
		}
	}
	return ""
}
