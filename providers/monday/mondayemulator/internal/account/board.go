package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// States of a board or an item.
const (
	Active   = "active"
	Archived = "archived"
	Deleted  = "deleted"
)

// Board is one board with all that is on it.
type Board struct {
	ID           int64
	Name         string
	Description  string
	Kind         string // public, private, share
	State        string
	Type         string // board, sub_items_board
	WorkspaceID  int64  // 0 is the main workspace
	Permissions  string
	Nickname     string
	Created      time.Time
	Updated      time.Time
	CreatorID    int64
	Owners       []int64
	Subscribers  []int64
	TeamOwners   []int64
	TeamMembers  []int64
	Columns      []*Column
	Groups       []*Group
	Count        int // active items
	reserved     map[string]bool
	slots        int
	recent       recency
	text         map[string]*textIndex // by column id, made when first asked for
	log          []LogRow
	subitemBoard int64
	parentBoard  int64
}

// Group is a section of a board.
type Group struct {
	ID    string
	Title string
	Color Color
	State string
	board *Board
	items []*Item
}

// NewBoard is what CreateBoard needs to know.
type NewBoard struct {
	Name, Kind, Description string
	WorkspaceID             int64
	Owners, Subscribers     []int64
	TeamOwners, TeamMembers []int64
	Nickname                string
	Empty                   bool
}

// CreateBoard makes a board. One that is not empty comes with the vendor's usual columns (person,
// status, date) and two groups.
func (a *Account) CreateBoard(by int64, n NewBoard) (*Board, error) {
	if strings.TrimSpace(n.Name) == "" {
		return nil, fail("CreateBoardException", "Board name can't be blank")
	}
	if n.WorkspaceID != 0 && a.Workspace(n.WorkspaceID) == nil {
		return nil, NotFound("Workspace", strconv.FormatInt(n.WorkspaceID, 10))
	}
	for _, id := range slices.Concat(n.Owners, n.Subscribers) {
		if a.User(id) == nil {
			return nil, noUser(id)
		}
	}
	b := a.addBoard(by, n)
	if n.Empty {
		b.Groups = append(b.Groups, &Group{ID: "topics", Title: "Group Title", Color: colors[7], State: Active, board: b})
		return b, nil
	}
	b.Groups = append(b.Groups,
		&Group{ID: "topics", Title: "Group Title", Color: colors[7], State: Active, board: b},
		&Group{ID: "group_title", Title: "Group Title", Color: colors[4], State: Active, board: b})
	for _, c := range []NewColumn{
		{ID: "person", Title: "Person", Type: "people"},
		{ID: "status", Title: "Status", Type: "status"},
		{ID: "date4", Title: "Date", Type: "date"},
	} {
		if _, err := a.addColumn(b, c); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (a *Account) addBoard(by int64, n NewBoard) *Board {
	if n.Kind == "" {
		n.Kind = "public"
	}
	now := a.Now()
	b := &Board{
		ID: a.newID("board"), Name: n.Name, Description: n.Description, Kind: n.Kind, State: Active, Type: "board",
		WorkspaceID: n.WorkspaceID, Permissions: "everyone", Nickname: n.Nickname, Created: now, Updated: now,
		CreatorID: by, Owners: append([]int64{}, n.Owners...), Subscribers: append([]int64{}, n.Subscribers...),
		TeamOwners: n.TeamOwners, TeamMembers: n.TeamMembers, reserved: map[string]bool{}, text: map[string]*textIndex{},
	}
	if b.Nickname == "" {
		b.Nickname = "Item / Items"
	}
	if !slices.Contains(b.Owners, by) {
		b.Owners = append(b.Owners, by)
	}
	for _, id := range b.Owners {
		if !slices.Contains(b.Subscribers, id) {
			b.Subscribers = append(b.Subscribers, id)
		}
	}
	b.Columns = []*Column{{ID: "name", Title: "Name", Type: "name", Revision: a.Hex("revision", 16), slot: -1, board: b, k: kinds["name"]}}
	b.reserved["name"] = true
	a.boards[b.ID] = b
	a.order = append(a.order, b)
	a.logBoard(by, b, "create_board", map[string]any{"board_name": b.Name})
	return b
}

// Board finds a board whatever its state; nil when there is none.
func (a *Account) Board(id int64) *Board { return a.boards[id] }

// Boards are all boards, in the order they were made.
func (a *Account) Boards() []*Board { return a.order }

// Sees says whether a user may see the board: private and shareable boards are for subscribers.
func (a *Account) Sees(user int64, b *Board) bool {
	if b.Kind == "public" || b.Kind == "" || slices.Contains(b.Subscribers, user) || slices.Contains(b.Owners, user) {
		return true
	}
	for _, id := range slices.Concat(b.TeamMembers, b.TeamOwners) {
		if t := a.Team(id); t != nil && slices.Contains(t.UserIDs, user) {
			return true
		}
	}
	return false
}

// ActiveBoard finds a board that the user may change.
func (a *Account) ActiveBoard(by, id int64) (*Board, error) {
	b := a.boards[id]
	if b == nil || b.State == Deleted || !a.Sees(by, b) {
		return nil, noBoard(id)
	}
	if b.State == Archived {
		return nil, InvalidArgument("The board is archived")
	}
	return b, nil
}

// UpdateBoard sets one attribute: name, description, communication or item_nickname.
func (a *Account) UpdateBoard(by int64, b *Board, attribute, value string) (any, error) {
	var old string
	switch attribute {
	case "name":
		if strings.TrimSpace(value) == "" {
			return nil, InvalidArgument("Board name can't be blank")
		}
		old, b.Name = b.Name, value
	case "description":
		old, b.Description = b.Description, value
	case "item_nickname":
		old, b.Nickname = b.Nickname, value
	default:
		return nil, InvalidArgument("board attribute %s is not kept by this emulator", attribute)
	}
	b.Updated = a.Now()
	a.logBoard(by, b, "update_board_"+attribute, map[string]any{"previous_value": old, "value": value})
	return map[string]any{
		"success":   true,
		"undo_data": map[string]any{"undo_record_id": a.UUID("undo"), "action_type": "update_board", "entity_type": "board", "entity_id": strconv.FormatInt(b.ID, 10), "count": 1},
	}, nil
}

// SetBoardState archives or deletes a board, or brings it back.
func (a *Account) SetBoardState(by int64, b *Board, state string) {
	b.State, b.Updated = state, a.Now()
	a.logBoard(by, b, map[string]string{Archived: "archive_board", Deleted: "delete_board", Active: "restore_board"}[state], nil)
}

// Subscribe adds users to a board as subscribers, or owners.
func (a *Account) Subscribe(by int64, b *Board, users []int64, owner bool) ([]*User, error) {
	var out []*User
	for _, id := range users {
		u := a.User(id)
		if u == nil {
			return nil, noUser(id)
		}
		out = append(out, u)
	}
	for _, u := range out {
		if !slices.Contains(b.Subscribers, u.ID) {
			b.Subscribers = append(b.Subscribers, u.ID)
		}
		if owner && !slices.Contains(b.Owners, u.ID) {
			b.Owners = append(b.Owners, u.ID)
		}
	}
	if len(b.Subscribers) > 400 {
		return nil, &gql.Error{Message: "Board subscribers limit exceeded", Code: "RecordInvalidException", Status: 422}
	}
	a.logBoard(by, b, "subscribe", map[string]any{"user_ids": users})
	return out, nil
}

// Unsubscribe removes users from a board. Its creator stays.
func (a *Account) Unsubscribe(by int64, b *Board, users []int64) []*User {
	var out []*User
	for _, id := range users {
		u := a.User(id)
		if u == nil {
			continue
		}
		out = append(out, u)
		if id == b.CreatorID {
			continue
		}
		b.Subscribers = slices.DeleteFunc(b.Subscribers, func(x int64) bool { return x == id })
		b.Owners = slices.DeleteFunc(b.Owners, func(x int64) bool { return x == id })
	}
	a.logBoard(by, b, "unsubscribe", map[string]any{"user_ids": users})
	return out
}

// Group finds a group that is not deleted or archived.
func (b *Board) Group(id string) *Group {
	for _, g := range b.Groups {
		if g.ID == id && g.State == Active {
			return g
		}
	}
	return nil
}

// TopGroup is the first active group, nil on a board without.
func (b *Board) TopGroup() *Group {
	for _, g := range b.Groups {
		if g.State == Active {
			return g
		}
	}
	return nil
}

// CreateGroup adds a group: on top unless it is placed before or after another one.
func (a *Account) CreateGroup(by int64, b *Board, title, color, method, relativeTo string) (*Group, error) {
	if strings.TrimSpace(title) == "" {
		return nil, InvalidArgument("Group name can't be blank")
	}
	if len([]rune(title)) > 255 {
		return nil, InvalidArgument("Group name is longer than 255 characters")
	}
	c := a.color()
	if color != "" {
		found := false
		for _, k := range colors {
			if strings.EqualFold(k.Hex, color) || k.Name == color {
				c, found = k, true
			}
		}
		if !found {
			return nil, InvalidArgument("Group color %q is not one of the supported colors", color)
		}
	}
	at := 0
	switch {
	case relativeTo != "":
		i := slices.IndexFunc(b.Groups, func(g *Group) bool { return g.ID == relativeTo && g.State == Active })
		if i < 0 {
			return nil, noGroup(relativeTo)
		}
		at = i
		if method == "after_at" {
			at++
		}
	case method == "before_at": // without a group to stand before: the bottom
		at = len(b.Groups)
	}
	g := &Group{ID: "group_mk" + a.Random("group", 6), Title: title, Color: c, State: Active, board: b}
	b.Groups = slices.Insert(b.Groups, at, g)
	b.Updated = a.Now()
	a.logBoard(by, b, "create_group", map[string]any{"group_id": g.ID, "group_name": g.Title})
	return g, nil
}

// UpdateGroup sets one attribute of a group: title, color or a position.
func (a *Account) UpdateGroup(by int64, b *Board, g *Group, attribute, value string) error {
	switch attribute {
	case "title":
		if strings.TrimSpace(value) == "" {
			return InvalidArgument("Group name can't be blank")
		}
		g.Title = value
	case "color":
		for _, k := range colors {
			if strings.EqualFold(k.Hex, value) || k.Name == value {
				g.Color = k
				a.logBoard(by, b, "update_group", map[string]any{"group_id": g.ID, "color": k.Hex})
				return nil
			}
		}
		return InvalidArgument("Group color %q is not one of the supported colors", value)
	case "relative_position_after", "relative_position_before":
		if b.Group(value) == nil || value == g.ID {
			return noGroup(value)
		}
		b.Groups = slices.DeleteFunc(b.Groups, func(x *Group) bool { return x == g })
		i := slices.IndexFunc(b.Groups, func(x *Group) bool { return x.ID == value })
		if attribute == "relative_position_after" {
			i++
		}
		b.Groups = slices.Insert(b.Groups, i, g)
	case "position":
		n, err := strconv.Atoi(value)
		if err != nil {
			return InvalidArgument("Group position %q is not a number", value)
		}
		b.Groups = slices.DeleteFunc(b.Groups, func(x *Group) bool { return x == g })
		b.Groups = slices.Insert(b.Groups, min(max(n, 0), len(b.Groups)), g)
	}
	b.Updated = a.Now()
	a.logBoard(by, b, "update_group", map[string]any{"group_id": g.ID, attribute: value})
	return nil
}

// EndGroup archives or deletes a group with its items. The last group of a board stays
// (DeleteLastGroupException).
func (a *Account) EndGroup(by int64, b *Board, g *Group, state string) error {
	left := 0
	for _, x := range b.Groups {
		if x.State == Active {
			left++
		}
	}
	if left < 2 {
		return &gql.Error{Message: "Cannot delete the last group of the board", Code: "DeleteLastGroupException", Status: 409}
	}
	for _, it := range slices.Clone(g.items) {
		a.SetItemState(by, it, state)
	}
	g.State = state
	a.logBoard(by, b, map[string]string{Archived: "archive_group", Deleted: "delete_group"}[state], map[string]any{"group_id": g.ID, "group_name": g.Title})
	return nil
}
