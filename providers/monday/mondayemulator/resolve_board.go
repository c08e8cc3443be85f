package mondayemulator

import (
	"slices"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

// itemsPage is one page of items.
type itemsPage struct {
	cursor any
	items  []*account.Item
}

func pageOf(items []*account.Item, cursor any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return itemsPage{cursor, items}, nil
}

// queryBoards answers what the token's user may see: what it may not see is not there. An archived
// board needs state all or archived.
func queryBoards(r *request, a gql.Args) (any, error) {
	want := set(a, "ids")
	state := a.String("state")
	var spaces map[int64]bool
	if a.Given("workspace_ids") {
		spaces = map[int64]bool{}
		for _, s := range a.List("workspace_ids") {
			if s == nil {
				spaces[0] = true // the main workspace has no id
				continue
			}
			spaces[id(gql.Args{"v": s}, "v")] = true
		}
	}
	hierarchy := a.Strings("hierarchy_types")
	var list []*account.Board
	for _, b := range r.acct().Boards() {
		switch {
		case want != nil && !want[b.ID],
			r.blind,
			want == nil && b.Type != "board",
			state != "all" && state != "" && b.State != state,
			state == "" && b.State != account.Active,
			state == "all" && b.State == account.Deleted && want == nil,
			spaces != nil && !spaces[b.WorkspaceID],
			a.Given("board_kind") && b.Kind != a.String("board_kind"),
			len(hierarchy) > 0 && !slices.Contains(hierarchy, "classic"),
			!r.acct().Sees(r.by(), b):
			continue
		}
		list = append(list, b)
	}
	if a.Given("order_by") || a.Bool("latest") { // newest first, as the vendor orders by either
		slices.Reverse(list)
	}
	return page(list, a, 1000)
}

func boardFields() map[string]map[string]field {
	return map[string]map[string]field{
		"Board": {
			"id":   of(func(b *account.Board) any { return idText(b.ID) }),
			"name": of(func(b *account.Board) any { return b.Name }),
			"columns": on(func(_ *request, b *account.Board, a gql.Args) (any, error) {
				out := []*account.Column{}
				for _, c := range b.Columns {
					switch {
					case c.Hidden,
						a.Given("ids") && !slices.Contains(a.Strings("ids"), c.ID),
						a.Given("types") && !slices.Contains(a.Strings("types"), c.Type):
						continue
					}
					out = append(out, c)
				}
				return out, nil
			}),
			"access_level":      fixed("edit"),
			"activity_logs":     on(boardLog),
			"board_folder_id":   fixed(nil),
			"board_kind":        of(func(b *account.Board) any { return b.Kind }),
			"columns_namespace": fixed(nil),
			"communication":     fixed(nil),
			"created_at":        of(func(b *account.Board) any { return account.Stamp(b.Created) }),
			"updated_at":        of(func(b *account.Board) any { return account.Stamp(b.Updated) }),
			"creator":           on(func(r *request, b *account.Board, _ gql.Args) (any, error) { return r.acct().User(b.CreatorID), nil }),
			"owner":             on(func(r *request, b *account.Board, _ gql.Args) (any, error) { return r.acct().User(b.CreatorID), nil }),
			"owners":            on(func(r *request, b *account.Board, _ gql.Args) (any, error) { return users(r.acct(), b.Owners), nil }),
			"subscribers": on(func(r *request, b *account.Board, _ gql.Args) (any, error) {
				return users(r.acct(), b.Subscribers), nil
			}),
			"team_owners": on(func(r *request, b *account.Board, _ gql.Args) (any, error) { return teams(r.acct(), b.TeamOwners), nil }),
			"team_subscribers": on(func(r *request, b *account.Board, _ gql.Args) (any, error) {
				return teams(r.acct(), b.TeamMembers), nil
			}),
			"description":      of(func(b *account.Board) any { return optional(b.Description) }),
			"groups":           on(boardGroups),
			"hierarchy_type":   fixed("classic"),
			"item_terminology": of(func(b *account.Board) any { return b.Nickname }),
			"items_count":      of(func(b *account.Board) any { return b.Count }),
			"items_limit":      onAccount(func(a *account.Account) any { return a.ItemsLimit }),
			"items_page":       on(boardItems),
			"permissions":      of(func(b *account.Board) any { return b.Permissions }),
			"state":            of(func(b *account.Board) any { return b.State }),
			"tags":             on(func(r *request, _ *account.Board, _ gql.Args) (any, error) { return r.acct().Tags, nil }),
			"top_group":        of(func(b *account.Board) any { return b.TopGroup() }),
			"type":             of(func(b *account.Board) any { return b.Type }),
			"updates":          on(boardUpdates),
			"url": on(func(r *request, b *account.Board, _ gql.Args) (any, error) {
				return siteURL(r, "/boards/"+idText(b.ID)), nil
			}),
			"workspace": on(func(r *request, b *account.Board, _ gql.Args) (any, error) {
				return r.acct().Workspace(b.WorkspaceID), nil
			}),
			"workspace_id": of(func(b *account.Board) any {
				if b.WorkspaceID == 0 {
					return nil
				}
				return idText(b.WorkspaceID)
			}),
		},
		"Column": {
			"id":           of(func(c *account.Column) any { return c.ID }),
			"title":        of(func(c *account.Column) any { return c.Title }),
			"description":  of(func(c *account.Column) any { return optional(c.Description) }),
			"type":         of(func(c *account.Column) any { return c.Type }),
			"archived":     fixed(false),
			"revision":     of(func(c *account.Column) any { return c.Revision }),
			"capabilities": of(func(c *account.Column) any { return columnCapabilities{} }),
			"settings":     on(func(r *request, c *account.Column, _ gql.Args) (any, error) { return r.acct().Settings(c), nil }),
			"settings_str": on(func(r *request, c *account.Column, _ gql.Args) (any, error) { return r.acct().SettingsText(c), nil }),
			"width": of(func(c *account.Column) any {
				if c.Width == 0 {
					return nil
				}
				return c.Width
			}),
		},
		"ColumnCapabilities":   {"calculated": fixed(nil), "visibility": fixed(nil)},
		"CalculatedCapability": {"function": fixed("NONE"), "calculated_type": fixed(nil)},
		"Group": {
			"id":         of(func(g *account.Group) any { return g.ID }),
			"title":      of(func(g *account.Group) any { return g.Title }),
			"color":      of(func(g *account.Group) any { return g.Color.Hex }),
			"archived":   of(func(g *account.Group) any { return g.State == account.Archived }),
			"deleted":    of(func(g *account.Group) any { return g.State == account.Deleted }),
			"position":   of(func(g *account.Group) any { return g.Position() }),
			"items_page": on(groupItems),
		},
		"ItemsResponse": {
			"cursor": of(func(p itemsPage) any { return p.cursor }),
			"items":  of(func(p itemsPage) any { return p.items }),
		},
		"ActivityLogType": {
			"id":         of(func(l account.LogRow) any { return l.ID }),
			"event":      of(func(l account.LogRow) any { return l.Event }),
			"entity":     of(func(l account.LogRow) any { return l.Entity }),
			"data":       of(func(l account.LogRow) any { return l.Data }),
			"user_id":    of(func(l account.LogRow) any { return idText(l.UserID) }),
			"account_id": on(func(r *request, _ account.LogRow, _ gql.Args) (any, error) { return idText(r.acct().ID), nil }),
			"created_at": of(func(l account.LogRow) any { return account.Ticks(l.At) }),
		},
		"BoardDuplication": {
			"board":    of(func(b *account.Board) any { return b }),
			"is_async": fixed(false),
		},
	}
}

type columnCapabilities struct{}

func boardGroups(_ *request, b *account.Board, a gql.Args) (any, error) {
	out := []*account.Group{}
	for _, g := range b.Groups {
		if g.State == account.Active && (!a.Given("ids") || slices.Contains(a.Strings("ids"), g.ID)) {
			out = append(out, g)
		}
	}
	return out, nil
}

func boardItems(r *request, b *account.Board, a gql.Args) (any, error) {
	return selectItems(r, b, "", a)
}

func groupItems(r *request, g *account.Group, a gql.Args) (any, error) {
	return selectItems(r, g.Board(), g.ID, a)
}

func selectItems(r *request, b *account.Board, group string, a gql.Args) (any, error) {
	params := a.Map("query_params")
	if c := a.String("cursor"); c != "" {
		if len(params) > 0 {
			return nil, account.InvalidArgument("cursor and query_params cannot be used together: the cursor carries the query")
		}
		return pageOf(r.acct().NextPage(c, a.Int("limit")))
	}
	q, err := account.ReadQuery(params, r.by())
	if err != nil {
		return nil, err
	}
	q.GroupID = group
	items, err := r.acct().Select(b, q)
	if err != nil {
		return nil, err
	}
	return pageOf(r.acct().Page(items, a.Int("limit")))
}

// boardLog reads the activity log: times need an offset (developer.monday.com, "Board activity
// logs").
func boardLog(_ *request, b *account.Board, a gql.Args) (any, error) {
	f := account.LogFilter{Limit: a.Int("limit"), Page: a.Int("page"), Items: set(a, "item_ids"), Users: set(a, "user_ids")}
	if f.Limit < 1 || f.Limit > 10_000 || f.Page < 1 {
		return nil, account.InvalidArgument("limit must be between 1 and 10000 and page at least 1")
	}
	for name, to := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if !a.Given(name) {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, a.String(name))
		if err != nil {
			return nil, &gql.Error{Message: "Variable '" + name + "' is not an ISO8601 date-time with an offset", Code: "BAD_USER_INPUT", Status: 200}
		}
		*to = t
	}
	for name, to := range map[string]*map[string]bool{"column_ids": &f.Columns, "group_ids": &f.Groups} {
		for _, v := range a.Strings(name) {
			if *to == nil {
				*to = map[string]bool{}
			}
			(*to)[v] = true
		}
	}
	return b.Log(f), nil
}

func boardUpdates(r *request, b *account.Board, a gql.Args) (any, error) {
	want := set(a, "ids")
	q, err := account.ReadQuery(nil, r.by())
	if err != nil {
		return nil, err
	}
	items, err := r.acct().Select(b, q)
	if err != nil {
		return nil, err
	}
	var list []*account.Update
	for _, it := range items {
		for _, u := range it.Updates {
			if want == nil || want[u.ID] {
				list = append(list, u)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y *account.Update) int { return y.Created.Compare(x.Created) })
	return page(list, a, 100)
}

func mutateBoards() map[string]field {
	return map[string]field{
		"create_workspace": root(func(r *request, a gql.Args) (any, error) {
			if strings.TrimSpace(a.String("name")) == "" {
				return nil, account.InvalidArgument("Workspace name can't be blank")
			}
			return r.acct().CreateWorkspace(r.by(), a.String("name"), a.String("kind"), a.String("description")), nil
		}),
		"create_board": root(func(r *request, a gql.Args) (any, error) {
			for _, no := range []string{"template_id", "prompt", "folder_id"} {
				if a.Given(no) {
					return nil, account.InvalidArgument("create_board with %s is not served by this emulator", no)
				}
			}
			n := account.NewBoard{
				Name: a.String("board_name"), Kind: a.String("board_kind"), Description: a.String("description"), Empty: a.Bool("empty"),
				Owners: ids(a, "board_owner_ids"), Subscribers: ids(a, "board_subscriber_ids"),
				TeamOwners: ids(a, "board_owner_team_ids"), TeamMembers: ids(a, "board_subscriber_teams_ids"),
			}
			if a.Given("workspace_id") {
				n.WorkspaceID = id(a, "workspace_id")
			}
			if nick := a.Map("item_nickname"); nick != nil {
				n.Nickname = nick.String("singular") + " / " + nick.String("plural")
			}
			return r.acct().CreateBoard(r.by(), n)
		}),
		"update_board": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return r.acct().UpdateBoard(r.by(), b, a.String("board_attribute"), a.String("new_value"))
		}),
		"delete_board":  root(endBoard(account.Deleted)),
		"archive_board": root(endBoard(account.Archived)),
		"duplicate_board": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			n := account.Duplication{
				Name: a.String("board_name"), Items: a.String("duplicate_type") != "duplicate_board_with_structure",
				Updates: a.String("duplicate_type") == "duplicate_board_with_pulses_and_updates", Subscribers: a.Bool("keep_subscribers"), WorkspaceID: b.WorkspaceID,
			}
			if a.Given("workspace_id") {
				n.WorkspaceID = id(a, "workspace_id")
			}
			return r.acct().DuplicateBoard(r.by(), b, n)
		}),
		"create_group": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return r.acct().CreateGroup(r.by(), b, a.String("group_name"), a.String("group_color"), a.String("position_relative_method"), a.String("relative_to"))
		}),
		"update_group": onGroup(func(r *request, b *account.Board, g *account.Group, a gql.Args) (any, error) {
			return g, r.acct().UpdateGroup(r.by(), b, g, a.String("group_attribute"), a.String("new_value"))
		}),
		"delete_group": onGroup(func(r *request, b *account.Board, g *account.Group, _ gql.Args) (any, error) {
			return g, r.acct().EndGroup(r.by(), b, g, account.Deleted)
		}),
		"archive_group": onGroup(func(r *request, b *account.Board, g *account.Group, _ gql.Args) (any, error) {
			return g, r.acct().EndGroup(r.by(), b, g, account.Archived)
		}),
		"add_users_to_board": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return r.acct().Subscribe(r.by(), b, ids(a, "user_ids"), a.String("kind") == "owner")
		}),
		"delete_subscribers_from_board": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return r.acct().Unsubscribe(r.by(), b, ids(a, "user_ids")), nil
		}),
		"create_or_get_tag": root(func(r *request, a gql.Args) (any, error) {
			if strings.TrimSpace(a.String("tag_name")) == "" {
				return nil, account.InvalidArgument("Tag name can't be blank")
			}
			return r.acct().Tag(a.String("tag_name")), nil
		}),
	}
}

// onBoard makes a resolver of a mutation that names a board to change.
func onBoard(f func(r *request, b *account.Board, a gql.Args) (any, error)) field {
	return root(func(r *request, a gql.Args) (any, error) {
		b, err := r.acct().ActiveBoard(r.by(), id(a, "board_id"))
		if err != nil {
			return nil, err
		}
		return f(r, b, a)
	})
}

func onGroup(f func(r *request, b *account.Board, g *account.Group, a gql.Args) (any, error)) field {
	return onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
		g := b.Group(a.String("group_id"))
		if g == nil {
			return nil, account.NotFound("Group", a.String("group_id"))
		}
		return f(r, b, g, a)
	})
}

// endBoard deletes a board, or archives one; an archived one may still be deleted.
func endBoard(state string) func(r *request, a gql.Args) (any, error) {
	return func(r *request, a gql.Args) (any, error) {
		b := r.acct().Board(id(a, "board_id"))
		if b == nil || b.State == account.Deleted || b.State == state || !r.acct().Sees(r.by(), b) {
			_, err := r.acct().ActiveBoard(r.by(), -1)
			return nil, err
		}
		r.acct().SetBoardState(r.by(), b, state)
		return b, nil
	}
}
