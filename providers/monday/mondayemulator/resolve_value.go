package mondayemulator

import (
	"strconv"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

type ref = account.Ref

// cell makes a resolver for a property of a stored value; empty cells give empty.
func cell[T any](empty any, f func(v T) any) field {
	return of(func(r ref) any {
		v, ok := r.Value().(T)
		if !ok {
			return empty
		}
		return f(v)
	})
}

// common are the fields every cell has.
func common(more map[string]field) map[string]field {
	out := map[string]field{
		"id":      of(func(r ref) any { return r.Column.ID }),
		"column":  of(func(r ref) any { return r.Column }),
		"type":    of(func(r ref) any { return r.Column.Type }),
		"is_leaf": fixed(true),
		"text":    on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().Text(v, r.zone()), nil }),
		"value":   on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().Raw(v), nil }),
	}
	for k, f := range more {
		out[k] = f
	}
	return out
}

// timed adds the time of the last change, with an offset instead of Z: the documentation shows
// status with Z and the others so.
func timed(more map[string]field) map[string]field {
	if more == nil {
		more = map[string]field{}
	}
	if _, own := more["updated_at"]; !own {
		more["updated_at"] = of(func(r ref) any {
			if r.Cell == nil {
				return nil
			}
			return r.Cell.At.UTC().Format("2006-01-02T15:04:05+00:00")
		})
	}
	return common(more)
}

type mirrored struct {
	item  *account.Item
	value any
}

// fileLink is one entry of a file column.
type fileLink struct {
	file account.File
	of   ref
	at   int
}

type labelStyle struct{ color, border string }

func valueFields() map[string]map[string]field {
	return map[string]map[string]field{
		"TextValue":        common(nil),
		"LongTextValue":    timed(nil),
		"UnsupportedValue": common(nil),
		"NumbersValue": common(map[string]field{
			"number": cell(nil, func(s string) any {
				f, err := strconv.ParseFloat(s, 64)
				if err != nil {
					return nil
				}
				return f
			}),
			"symbol":    of(func(r ref) any { return unit(r, "symbol") }),
			"direction": of(func(r ref) any { return unit(r, "direction") }),
		}),
		"StatusValue":   timed(statusFields()),
		"DropdownValue": common(map[string]field{"values": of(dropdownOptions)}),
		"PeopleValue": timed(map[string]field{
			"persons_and_teams": of(func(r ref) any {
				list, _ := r.Value().([]account.Person)
				return append([]account.Person{}, list...)
			}),
		}),
		"DateValue": timed(map[string]field{
			"date": cell("", func(d account.Date) any { return d.Date }),
			"time": cell("", func(d account.Date) any { return d.Time }),
			"icon": cell(nil, func(d account.Date) any { return optional(d.Icon) }),
		}),
		"TimelineValue": timed(map[string]field{
			"from":               cell(nil, func(s account.Span) any { return s.From + "T00:00:00+00:00" }),
			"to":                 cell(nil, func(s account.Span) any { return s.To + "T00:00:00+00:00" }),
			"visualization_type": fixed(nil),
		}),
		"WeekValue": common(map[string]field{
			"start_date": cell(nil, func(s account.Span) any { return s.From }),
			"end_date":   cell(nil, func(s account.Span) any { return s.To }),
		}),
		"HourValue": timed(map[string]field{
			"hour":   cell(nil, func(h account.Hour) any { return h.Hour }),
			"minute": cell(nil, func(h account.Hour) any { return h.Minute }),
		}),
		"LinkValue": timed(map[string]field{
			"url":      cell(nil, func(l account.Link) any { return l.URL }),
			"url_text": cell(nil, func(l account.Link) any { return l.Text }),
		}),
		"EmailValue": timed(map[string]field{
			"email": cell(nil, func(e account.Email) any { return e.Email }),
			"label": cell(nil, func(e account.Email) any { return e.Text }),
		}),
		"PhoneValue": timed(map[string]field{
			"phone":              cell(nil, func(p account.Phone) any { return p.Phone }),
			"country_short_name": cell(nil, func(p account.Phone) any { return optional(p.Country) }),
		}),
		"CheckboxValue": timed(map[string]field{"checked": cell(nil, func(on bool) any { return on })}),
		"CountryValue":  timed(map[string]field{"country": cell(nil, func(c account.Country) any { return c })}),
		"RatingValue":   timed(map[string]field{"rating": cell(nil, func(n int) any { return n })}),
		"LocationValue": timed(locationFields()),
		"TagsValue": common(map[string]field{
			"tag_ids": of(func(r ref) any {
				list, _ := r.Value().([]int64)
				return append([]int64{}, list...)
			}),
			"tags": on(func(r *request, v ref, _ gql.Args) (any, error) {
				out := []*account.Tag{}
				list, _ := v.Value().([]int64)
				for _, n := range list {
					if t := r.acct().TagByID(n); t != nil {
						out = append(out, t)
					}
				}
				return out, nil
			}),
		}),
		"BoardRelationValue": timed(relationFields(nil)),
		"DependencyValue": timed(relationFields(map[string]field{
			"dependency_links": of(func(r ref) any {
				out := []account.ItemID{}
				list, _ := r.Value().([]int64)
				for _, n := range list {
					out = append(out, account.ItemID(n))
				}
				return out
			}),
		})),
		"DependencyLink": {
			"linked_item_id":  of(func(n account.ItemID) any { return idText(int64(n)) }),
			"dependency_type": fixed(0),
			"lag":             fixed(0),
		},
		"MirrorValue": common(map[string]field{
			"display_value": on(func(r *request, v ref, _ gql.Args) (any, error) {
				return r.acct().MirrorText(v, r.zone()), nil
			}),
			"mirrored_items": on(func(r *request, v ref, _ gql.Args) (any, error) {
				out := []mirrored{}
				for _, m := range r.acct().Mirrored(v) {
					out = append(out, mirrored{m.Item, m})
				}
				return out, nil
			}),
		}),
		"MirroredItem": {
			"linked_board":    of(func(m mirrored) any { return m.item.Board() }),
			"linked_board_id": of(func(m mirrored) any { return idText(m.item.Board().ID) }),
			"linked_item":     of(func(m mirrored) any { return m.item }),
			"mirrored_value":  of(func(m mirrored) any { return m.value }),
		},
		"FileValue": common(map[string]field{
			"files": of(func(r ref) any {
				out := []fileLink{}
				list, _ := r.Value().([]account.File)
				for i, f := range list {
					out = append(out, fileLink{f, r, i})
				}
				return out
			}),
		}),
		"FileLinkValue": {
			"created_at": of(func(f fileLink) any { return f.of.UpdatedAt() }),
			"creator":    fixed(nil), // nothing says who set a link
			"creator_id": fixed(nil),
			"file_id":    of(func(f fileLink) any { return idText(f.of.Item.ID) + "-" + strconv.Itoa(f.at) }),
			"kind":       fixed("link"),
			"name":       of(func(f fileLink) any { return f.file.Name }),
			"url":        of(func(f fileLink) any { return f.file.URL }),
		},
		"FormulaValue": common(map[string]field{
			"display_value": on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().FormulaText(v), nil }),
		}),
		"ButtonValue": common(map[string]field{
			"label": of(func(r ref) any { return optional(gql.Text(r.Column.Extra["label"])) }),
			"color": of(func(r ref) any { return optional(gql.Text(r.Column.Extra["color"])) }),
		}),
		"SubtasksValue": common(map[string]field{
			"display_value": on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().Text(v, r.zone()), nil }),
			"subitems":      of(func(r ref) any { return r.Item.Subitems }),
			"subitems_ids": of(func(r ref) any {
				out := []string{}
				for _, s := range r.Item.Subitems {
					out = append(out, idText(s.ID))
				}
				return out
			}),
		}),
		"ItemIdValue": common(map[string]field{"item_id": of(func(r ref) any { return idText(r.Item.ID) })}),
		"CreationLogValue": common(map[string]field{
			"created_at": of(func(r ref) any { return account.Stamp(r.Item.Created) }),
			"creator_id": of(func(r ref) any { return idText(r.Item.CreatorID) }),
			"creator":    on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().User(v.Item.CreatorID), nil }),
		}),
		"LastUpdatedValue": common(map[string]field{
			"updated_at": of(func(r ref) any { return account.Stamp(r.Item.Updated) }),
			"updater_id": of(func(r ref) any { return idText(r.Item.UpdaterID) }),
			"updater":    on(func(r *request, v ref, _ gql.Args) (any, error) { return r.acct().User(v.Item.UpdaterID), nil }),
		}),
		"StatusLabelStyle": {
			"color":  of(func(s labelStyle) any { return s.color }),
			"border": of(func(s labelStyle) any { return s.border }),
		},
		"DropdownValueOption": {
			"id":    of(func(l *account.Label) any { return strconv.Itoa(l.ID) }),
			"label": of(func(l *account.Label) any { return l.Text }),
		},
		"PeopleEntity": {
			"id":   of(func(p account.Person) any { return idText(p.ID) }),
			"kind": of(func(p account.Person) any { return p.Kind }),
		},
		"Country": {
			"code": of(func(c account.Country) any { return c.Code }),
			"name": of(func(c account.Country) any { return c.Name }),
		},
	}
}

func unit(r ref, key string) any {
	u, _ := r.Column.Extra["unit"].(map[string]any)
	return optional(gql.Text(u[key]))
}

func label(r ref) *account.Label {
	n, ok := r.Value().(int)
	if !ok {
		return nil
	}
	return r.Column.Label(n)
}

func statusFields() map[string]field {
	return map[string]field{
		"index": of(func(r ref) any {
			if r.Cell == nil {
				return nil
			}
			if n, ok := r.Value().(int); ok {
				return n
			}
			return account.BlankStatus
		}),
		"label": of(func(r ref) any {
			if l := label(r); l != nil {
				return l.Text
			}
			return nil
		}),
		"is_done": of(func(r ref) any {
			l := label(r)
			return l != nil && l.Done
		}),
		"label_style": of(func(r ref) any {
			if l := label(r); l != nil {
				return labelStyle{l.Color.Hex, l.Color.Border()}
			}
			return nil
		}),
		"update_id":  fixed(nil),
		"updated_at": of(func(r ref) any { return r.UpdatedAt() }),
	}
}

func dropdownOptions(r ref) any {
	out := []*account.Label{}
	list, _ := r.Value().([]int)
	for _, n := range list {
		if l := r.Column.Label(n); l != nil {
			out = append(out, l)
		}
	}
	return out
}

func relationFields(more map[string]field) map[string]field {
	out := map[string]field{
		"linked_item_ids": on(func(r *request, v ref, _ gql.Args) (any, error) {
			out := []string{}
			for _, it := range r.acct().Linked(v) {
				out = append(out, idText(it.ID))
			}
			return out, nil
		}),
		"linked_items": on(func(r *request, v ref, _ gql.Args) (any, error) {
			return append([]*account.Item{}, r.acct().Linked(v)...), nil
		}),
		"display_value": on(func(r *request, v ref, _ gql.Args) (any, error) {
			s := ""
			for i, it := range r.acct().Linked(v) {
				if i > 0 {
					s += ", "
				}
				s += it.Name
			}
			return s, nil
		}),
	}
	for k, f := range more {
		out[k] = f
	}
	return out
}

func locationFields() map[string]field {
	out := map[string]field{
		"lat":     cell(nil, func(l account.Location) any { return l.Lat }),
		"lng":     cell(nil, func(l account.Location) any { return l.Lng }),
		"address": cell(nil, func(l account.Location) any { return l.Address }),
	}
	for _, k := range []string{"city", "city_short", "country", "country_short", "place_id", "street", "street_number", "street_number_short", "street_short"} {
		out[k] = fixed(nil) // only a place looked up in the vendor's map has these
	}
	return out
}
