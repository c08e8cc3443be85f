package mondayemulator

import (
	"slices"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

// queryItems answers items whatever their state, unless exclude_nonactive; at most 100 ids
// (developer.monday.com, "Items").
func queryItems(r *request, a gql.Args) (any, error) {
	if !a.Given("ids") {
		return nil, account.InvalidArgument("items without ids is not served by this emulator; use items_page")
	}
	wanted := ids(a, "ids")
	if len(wanted) > 100 {
		return nil, account.InvalidArgument("items takes at most 100 ids")
	}
	var list []*account.Item
	seen := map[int64]bool{}
	for _, n := range wanted {
		it := r.acct().Item(n)
		if it == nil || seen[n] || it.Board().State == account.Deleted || !r.acct().Sees(r.by(), it.Board()) || a.Bool("exclude_nonactive") && it.State != account.Active {
			continue
		}
		seen[n] = true
		list = append(list, it)
	}
	if a.Bool("newest_first") {
		slices.SortStableFunc(list, func(x, y *account.Item) int { return y.Created.Compare(x.Created) })
	}
	return page(list, a, 100)
}

func queryByValues(r *request, a gql.Args) (any, error) {
	b := r.acct().Board(id(a, "board_id"))
	if b == nil || b.State == account.Deleted || !r.acct().Sees(r.by(), b) {
		_, err := r.acct().ActiveBoard(r.by(), -1)
		return nil, err
	}
	if c := a.String("cursor"); c != "" {
		if a.Given("columns") {
			return nil, account.InvalidArgument("cursor and columns cannot be used together: the cursor carries the query")
		}
		return pageOf(r.acct().NextPage(c, a.Int("limit")))
	}
	var by []account.Match
	for _, e := range a.List("columns") {
		m, _ := e.(map[string]any)
		by = append(by, account.Match{Column: gql.Text(m["column_id"]), Values: gql.Args(m).Strings("column_values")})
	}
	items, err := r.acct().ItemsByValues(b, by)
	if err != nil {
		return nil, err
	}
	return pageOf(r.acct().Page(items, a.Int("limit")))
}

func itemFields() map[string]map[string]field {
	return map[string]map[string]field{
		"Item": {
			"id":            of(func(it *account.Item) any { return idText(it.ID) }),
			"name":          of(func(it *account.Item) any { return it.Name }),
			"state":         of(func(it *account.Item) any { return it.State }),
			"board":         of(func(it *account.Item) any { return it.Board() }),
			"group":         of(func(it *account.Item) any { return it.Group() }),
			"created_at":    of(func(it *account.Item) any { return account.Stamp(it.Created) }),
			"updated_at":    of(func(it *account.Item) any { return account.Stamp(it.Updated) }),
			"creator_id":    of(func(it *account.Item) any { return idText(it.CreatorID) }),
			"creator":       on(func(r *request, it *account.Item, _ gql.Args) (any, error) { return r.acct().User(it.CreatorID), nil }),
			"column_values": on(columnValues),
			"parent_item":   of(func(it *account.Item) any { return it.Parent }),
			"subitems": of(func(it *account.Item) any {
				out := []*account.Item{}
				for _, s := range it.Subitems {
					if s.State == account.Active {
						out = append(out, s)
					}
				}
				return out
			}),
			"subscribers": on(func(r *request, it *account.Item, _ gql.Args) (any, error) {
				return users(r.acct(), []int64{it.CreatorID}), nil
			}),
			"relative_link": of(func(it *account.Item) any { return "/boards/" + idText(it.Board().ID) + "/pulses/" + idText(it.ID) }),
			"url": on(func(r *request, it *account.Item, _ gql.Args) (any, error) {
				return siteURL(r, "/boards/"+idText(it.Board().ID)+"/pulses/"+idText(it.ID)), nil
			}),
			"email": on(func(r *request, it *account.Item, _ gql.Args) (any, error) {
				return "pulse-" + idText(it.ID) + "@" + r.acct().Slug + ".monday.com", nil
			}),
			"updates":      on(itemUpdates),
			"linked_items": on(linkedItems),
		},
		"Update": updateFields(),
		"Reply": {
			"id":         of(func(u *account.Update) any { return idText(u.ID) }),
			"body":       of(func(u *account.Update) any { return u.Body }),
			"text_body":  of(func(u *account.Update) any { return u.Text() }),
			"kind":       fixed("reply"),
			"creator_id": of(func(u *account.Update) any { return idText(u.UserID) }),
			"creator":    on(func(r *request, u *account.Update, _ gql.Args) (any, error) { return r.acct().User(u.UserID), nil }),
			"created_at": of(func(u *account.Update) any { return account.Stamp(u.Created) }),
			"updated_at": of(func(u *account.Update) any { return account.Stamp(u.Edited) }),
			"edited_at":  of(func(u *account.Update) any { return account.Stamp(u.Edited) }),
		},
	}
}

func updateFields() map[string]field {
	return map[string]field{
		"id":         of(func(u *account.Update) any { return idText(u.ID) }),
		"body":       of(func(u *account.Update) any { return u.Body }),
		"text_body":  of(func(u *account.Update) any { return u.Text() }),
		"creator_id": of(func(u *account.Update) any { return idText(u.UserID) }),
		"creator":    on(func(r *request, u *account.Update, _ gql.Args) (any, error) { return r.acct().User(u.UserID), nil }),
		"created_at": of(func(u *account.Update) any { return account.Stamp(u.Created) }),
		"updated_at": of(func(u *account.Update) any { return account.Stamp(u.Edited) }),
		"edited_at":  of(func(u *account.Update) any { return account.Stamp(u.Edited) }),
		"item_id":    of(func(u *account.Update) any { return idText(u.ItemID) }),
		"item":       on(func(r *request, u *account.Update, _ gql.Args) (any, error) { return r.acct().Item(u.ItemID), nil }),
		"replies":    of(func(u *account.Update) any { return append([]*account.Update{}, u.Replies...) }),
	}
}

func itemUpdates(_ *request, it *account.Item, a gql.Args) (any, error) {
	want := set(a, "ids")
	var list []*account.Update
	for _, u := range it.Updates {
		if want == nil || want[u.ID] {
			list = append(list, u)
		}
	}
	return page(list, a, 100)
}

func linkedItems(r *request, it *account.Item, a gql.Args) (any, error) {
	c := it.Board().Column(a.String("link_to_item_column_id"))
	if c == nil || c.Hidden {
		return nil, account.NoColumn(a.String("link_to_item_column_id"))
	}
	out := []*account.Item{}
	for _, x := range r.acct().Linked(it.Ref(c)) {
		if x.Board().ID == id(a, "linked_board_id") {
			out = append(out, x)
		}
	}
	return out, nil
}

// columnValues leaves hidden columns out: what a token may not see vanishes from answers.
func columnValues(_ *request, it *account.Item, a gql.Args) (any, error) {
	var want, types []string
	byID, byType := a.Given("ids"), a.Given("types")
	if byID {
		want = a.Strings("ids")
	}
	if byType {
		types = a.Strings("types")
	}
	all := it.Values()
	if !byID && !byType {
		return all, nil
	}
	out := make([]account.Ref, 0, len(all))
	for _, v := range all {
		if byID && !slices.Contains(want, v.Column.ID) || byType && !slices.Contains(types, v.Column.Type) {
			continue
		}
		out = append(out, v)
	}
	return out, nil
}

func mutateItems() map[string]field {
	return map[string]field{
		"create_item": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			values, err := account.DecodeValues(a["column_values"])
			if err != nil {
				return nil, err
			}
			n := account.NewItem{
				Name: a.String("item_name"), GroupID: a.String("group_id"), Values: values, Labels: a.Bool("create_labels_if_missing"),
				Method: a.String("position_relative_method"),
			}
			if a.Given("relative_to") {
				n.RelativeTo = id(a, "relative_to")
			}
			return r.acct().CreateItem(r.by(), b, n)
		}),
		"create_subitem": root(func(r *request, a gql.Args) (any, error) {
			values, err := account.DecodeValues(a["column_values"])
			if err != nil {
				return nil, err
			}
			parent, err := r.acct().ActiveItem(r.by(), id(a, "parent_item_id"))
			if err != nil {
				return nil, err
			}
			return r.acct().CreateSubitem(r.by(), parent, account.NewItem{Name: a.String("item_name"), Values: values, Labels: a.Bool("create_labels_if_missing")})
		}),
		"duplicate_item": onBoardItem(func(r *request, it *account.Item, a gql.Args) (any, error) {
			return r.acct().DuplicateItem(r.by(), it, a.Bool("with_updates"))
		}),
		"change_multiple_column_values": onBoardItem(func(r *request, it *account.Item, a gql.Args) (any, error) {
			values, err := account.DecodeValues(a["column_values"])
			if err != nil {
				return nil, err
			}
			return it, r.acct().SetValues(r.by(), it, values, a.Bool("create_labels_if_missing"))
		}),
		"change_column_value": onBoardItem(func(r *request, it *account.Item, a gql.Args) (any, error) {
			v, err := account.DecodeValue(a["value"])
			if err != nil {
				return nil, err
			}
			return it, r.acct().SetValues(r.by(), it, map[string]any{a.String("column_id"): v}, a.Bool("create_labels_if_missing"))
		}),
		"change_simple_column_value": onBoardItem(func(r *request, it *account.Item, a gql.Args) (any, error) {
			return it, r.acct().SetSimple(r.by(), it, a.String("column_id"), a.String("value"), a.Bool("create_labels_if_missing"))
		}),
		"move_item_to_group": onItem(func(r *request, it *account.Item, a gql.Args) (any, error) {
			return it, r.acct().Move(r.by(), it, a.String("group_id"))
		}),
		"move_item_to_board": onItem(moveToBoard),
		"archive_item": onItem(func(r *request, it *account.Item, _ gql.Args) (any, error) {
			r.acct().SetItemState(r.by(), it, account.Archived)
			return it, nil
		}),
		// an archived item may still be deleted
		"delete_item": root(func(r *request, a gql.Args) (any, error) {
			it := r.acct().Item(id(a, "item_id"))
			if it == nil || it.State != account.Archived || !r.acct().Sees(r.by(), it.Board()) {
				active, err := r.acct().ActiveItem(r.by(), id(a, "item_id"))
				if err != nil {
					return nil, err
				}
				it = active
			}
			r.acct().SetItemState(r.by(), it, account.Deleted)
			return it, nil
		}),
		"create_update": root(func(r *request, a gql.Args) (any, error) {
			var item, parent int64
			if a.Given("item_id") {
				item = id(a, "item_id")
			}
			if a.Given("parent_id") {
				parent = id(a, "parent_id")
			}
			return r.acct().CreateUpdate(r.by(), item, parent, a.String("body"), a.String("original_creation_date"))
		}),
		"edit_update": root(func(r *request, a gql.Args) (any, error) {
			return r.acct().EditUpdate(r.by(), id(a, "id"), a.String("body"))
		}),
		"delete_update": root(func(r *request, a gql.Args) (any, error) { return r.acct().DeleteUpdate(r.by(), id(a, "id")) }),
	}
}

// onItem makes a resolver of a mutation that names an item to change.
func onItem(f func(r *request, it *account.Item, a gql.Args) (any, error)) field {
	return root(func(r *request, a gql.Args) (any, error) {
		it, err := r.acct().ActiveItem(r.by(), id(a, "item_id"))
		if err != nil {
			return nil, err
		}
		return f(r, it, a)
	})
}

// onBoardItem is onItem where the board is named as well: the two must belong together.
func onBoardItem(f func(r *request, it *account.Item, a gql.Args) (any, error)) field {
	return onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
		it, err := r.acct().ActiveItem(r.by(), id(a, "item_id"))
		if err != nil {
			return nil, err
		}
		if it.Board() != b {
			_, err := r.acct().ActiveItem(r.by(), -1)
			return nil, err
		}
		return f(r, it, a)
	})
}

func moveToBoard(r *request, it *account.Item, a gql.Args) (any, error) {
	b, err := r.acct().ActiveBoard(r.by(), id(a, "board_id"))
	if err != nil {
		return nil, err
	}
	var mapping map[string]string
	if a.Given("columns_mapping") {
		mapping = map[string]string{}
		for _, e := range a.List("columns_mapping") {
			m, _ := e.(map[string]any)
			mapping[gql.Text(m["source"])] = gql.Text(m["target"])
		}
	}
	if len(it.Subitems) > 0 || a.Given("subitems_columns_mapping") {
		return nil, account.InvalidArgument("moving an item with subitems to another board is not served by this emulator")
	}
	return it, r.acct().MoveToBoard(r.by(), it, b, a.String("group_id"), mapping)
}
