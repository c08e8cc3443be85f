package account

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

const stateVersion = 1

type state struct {
	Version    int               `json:"version"`
	ID         int64             `json:"id"`
	Name       string            `json:"name"`
	Slug       string            `json:"slug"`
	Tier       string            `json:"tier"`
	Created    time.Time         `json:"created"`
	Users      []*User           `json:"users"`
	Teams      []*Team           `json:"teams,omitempty"`
	Tags       []*Tag            `json:"tags,omitempty"`
	Workspaces []*Workspace      `json:"workspaces"`
	Hooks      []*Webhook        `json:"webhooks,omitempty"`
	NextID     map[string]int64  `json:"next_id"`
	Seed       int64             `json:"seed"`
	Drawn      map[string]uint64 `json:"drawn"`
	Boards     []boardState      `json:"boards"`
	Walks      int64             `json:"walks,omitempty"`
	Cursors    []cursorState     `json:"cursors,omitempty"` // the oldest first
}

// cursorState is a page walk that has more to give.
type cursorState struct {
	Key     string    `json:"key"`
	Started time.Time `json:"started"`
	Seq     int64     `json:"seq"`
	Items   []int64   `json:"items"`
}

type boardState struct {
	ID           int64         `json:"id"`
	Name         string        `json:"name"`
	Description  string        `json:"description,omitempty"`
	Kind         string        `json:"kind"`
	State        string        `json:"state"`
	Type         string        `json:"type"`
	WorkspaceID  int64         `json:"workspace_id,omitempty"`
	Permissions  string        `json:"permissions"`
	Nickname     string        `json:"nickname"`
	Created      time.Time     `json:"created"`
	Updated      time.Time     `json:"updated"`
	CreatorID    int64         `json:"creator_id"`
	Owners       []int64       `json:"owners"`
	Subscribers  []int64       `json:"subscribers"`
	TeamOwners   []int64       `json:"team_owners,omitempty"`
	TeamMembers  []int64       `json:"team_members,omitempty"`
	Reserved     []string      `json:"reserved"`
	Slots        int           `json:"slots"`
	SubitemBoard int64         `json:"subitem_board,omitempty"`
	ParentBoard  int64         `json:"parent_board,omitempty"`
	Columns      []columnState `json:"columns"`
	Groups       []groupState  `json:"groups"`
	Items        []itemState   `json:"items"` // the active ones by last update, newest first, then the others by id
	Log          []LogRow      `json:"log"`
}

type columnState struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Type        string         `json:"type"`
	Width       int            `json:"width,omitempty"`
	Revision    string         `json:"revision"`
	Hidden      bool           `json:"hidden,omitempty"`
	Restricted  bool           `json:"restricted,omitempty"`
	Required    bool           `json:"required,omitempty"`
	Labels      []*Label       `json:"labels,omitempty"`
	Extra       map[string]any `json:"extra,omitempty"`
	Slot        int            `json:"slot"`
}

type groupState struct {
	ID    string  `json:"id"`
	Title string  `json:"title"`
	Color Color   `json:"color"`
	State string  `json:"state"`
	Items []int64 `json:"items"`
}

type itemState struct {
	ID        int64                `json:"id"`
	Name      string               `json:"name"`
	State     string               `json:"state"`
	Created   time.Time            `json:"created"`
	Updated   time.Time            `json:"updated"`
	CreatorID int64                `json:"creator_id"`
	UpdaterID int64                `json:"updater_id"`
	Parent    int64                `json:"parent,omitempty"`
	Group     string               `json:"group"`
	Cells     map[string]cellState `json:"cells,omitempty"` // by slot
	Updates   []updateState        `json:"updates,omitempty"`
}

type cellState struct {
	V  json.RawMessage `json:"v"`
	At time.Time       `json:"at"`
}

type updateState struct {
	Update
	Replies []*Update `json:"replies,omitempty"`
}

// Export writes everything the account holds as JSON. Equal accounts give equal bytes.
func (a *Account) Export() ([]byte, error) {
	s := state{
		Version: stateVersion, ID: a.ID, Name: a.Name, Slug: a.Slug, Tier: a.Tier, Created: a.Created, Users: a.Users, Teams: a.Teams,
		Tags: a.Tags, Workspaces: a.Workspaces, Hooks: a.Hooks, NextID: a.nextID, Seed: a.seed, Drawn: a.drawn,
		Walks: a.walks, Cursors: a.exportCursors(),
	}
	gone := map[int64][]*Item{}
	for _, id := range slices.Sorted(maps.Keys(a.items)) {
		if it := a.items[id]; it.State != Active {
			gone[it.board.ID] = append(gone[it.board.ID], it)
		}
	}
	for _, b := range a.order {
		bs, err := exportBoard(b, gone[b.ID])
		if err != nil {
			return nil, fmt.Errorf("encode board %d: %w", b.ID, err)
		}
		s.Boards = append(s.Boards, bs)
	}
	return json.Marshal(s)
}

func (a *Account) exportCursors() []cursorState {
	var out []cursorState
	for key, c := range a.cursors {
		if a.Now().Sub(c.started) >= cursorLife {
			continue
		}
		s := cursorState{Key: key, Started: c.started, Seq: c.seq}
		for _, it := range c.items {
			s.Items = append(s.Items, it.ID)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y cursorState) int { return cmp.Compare(x.Seq, y.Seq) })
	return out
}

func exportBoard(b *Board, gone []*Item) (boardState, error) {
	s := boardState{
		ID: b.ID, Name: b.Name, Description: b.Description, Kind: b.Kind, State: b.State, Type: b.Type, WorkspaceID: b.WorkspaceID,
		Permissions: b.Permissions, Nickname: b.Nickname, Created: b.Created, Updated: b.Updated, CreatorID: b.CreatorID,
		Owners: b.Owners, Subscribers: b.Subscribers, TeamOwners: b.TeamOwners, TeamMembers: b.TeamMembers,
		Reserved: slices.Sorted(maps.Keys(b.reserved)), Slots: b.slots, SubitemBoard: b.subitemBoard, ParentBoard: b.parentBoard, Log: b.log,
	}
	for _, c := range b.Columns {
		s.Columns = append(s.Columns, columnState{c.ID, c.Title, c.Description, c.Type, c.Width, c.Revision, c.Hidden, c.Restricted, c.Required, c.Labels, c.Extra, c.slot})
	}
	for _, g := range b.Groups {
		gs := groupState{ID: g.ID, Title: g.Title, Color: g.Color, State: g.State, Items: []int64{}}
		for _, it := range g.items {
			gs.Items = append(gs.Items, it.ID)
		}
		s.Groups = append(s.Groups, gs)
	}
	all := []*Item{}
	for it := b.recent.newest; it != nil; it = it.older {
		all = append(all, it)
	}
	for _, it := range append(all, gone...) {
		is, err := exportItem(it)
		if err != nil {
			return s, err
		}
		s.Items = append(s.Items, is)
	}
	return s, nil
}

func exportItem(it *Item) (itemState, error) {
	s := itemState{
		ID: it.ID, Name: it.Name, State: it.State, Created: it.Created, Updated: it.Updated, CreatorID: it.CreatorID,
		UpdaterID: it.UpdaterID, Group: it.group.ID, Cells: map[string]cellState{},
	}
	if it.Parent != nil {
		s.Parent = it.Parent.ID
	}
	for _, c := range it.board.Columns { // cells of deleted columns are not kept
		cell := it.cell(c)
		if cell == nil {
			continue
		}
		raw, err := json.Marshal(cell.V)
		if err != nil {
			return s, fmt.Errorf("encode item %d: %w", it.ID, err)
		}
		s.Cells[strconv.Itoa(c.slot)] = cellState{raw, cell.At}
	}
	for _, u := range it.Updates {
		s.Updates = append(s.Updates, updateState{*u, u.Replies})
	}
	return s, nil
}

// Import puts what Export wrote in the place of what the account holds. On an error the account is
// not to be used further.
func (a *Account) Import(raw []byte) error {
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("decode account state: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("decode account state: version %d is not %d", s.Version, stateVersion)
	}
	if s.NextID == nil || s.Drawn == nil {
		return fmt.Errorf("decode account state: next_id or drawn is missing")
	}
	a.ID, a.Name, a.Slug, a.Tier, a.Created = s.ID, s.Name, s.Slug, s.Tier, s.Created
	a.Users, a.Teams, a.Tags, a.Workspaces, a.Hooks = s.Users, s.Teams, s.Tags, s.Workspaces, s.Hooks
	a.seed, a.drawn, a.nextID = s.Seed, s.Drawn, s.NextID
	a.boards, a.items, a.updates, a.cursors, a.order = map[int64]*Board{}, map[int64]*Item{}, map[int64]*Update{}, map[string]*cursor{}, nil
	if len(a.Users) == 0 {
		return fmt.Errorf("decode account state: it has no users")
	}
	parents := map[*Item]int64{}
	for _, bs := range s.Boards {
		if err := a.importBoard(bs, parents); err != nil {
			return fmt.Errorf("decode board %d: %w", bs.ID, err)
		}
	}
	var subs []*Item
	for it := range parents {
		subs = append(subs, it)
	}
	slices.SortFunc(subs, func(x, y *Item) int { return int(x.ID - y.ID) })
	for _, it := range subs {
		p := a.items[parents[it]]
		if p == nil {
			return fmt.Errorf("decode item %d: its parent %d is missing", it.ID, parents[it])
		}
		it.Parent = p
		p.Subitems = append(p.Subitems, it)
	}
	return a.importCursors(s)
}

func (a *Account) importCursors(s state) error {
	a.walks = s.Walks
	for _, cs := range s.Cursors {
		c := &cursor{started: cs.Started, seq: cs.Seq}
		for _, id := range cs.Items {
			it := a.items[id]
			if it == nil {
				return fmt.Errorf("decode a page walk: item %d is missing", id)
			}
			c.items = append(c.items, it)
		}
		a.cursors[cs.Key] = c
	}
	return nil
}

func (a *Account) importBoard(s boardState, parents map[*Item]int64) error {
	b := &Board{
		ID: s.ID, Name: s.Name, Description: s.Description, Kind: s.Kind, State: s.State, Type: s.Type, WorkspaceID: s.WorkspaceID,
		Permissions: s.Permissions, Nickname: s.Nickname, Created: s.Created, Updated: s.Updated, CreatorID: s.CreatorID,
		Owners: s.Owners, Subscribers: s.Subscribers, TeamOwners: s.TeamOwners, TeamMembers: s.TeamMembers, slots: s.Slots,
		subitemBoard: s.SubitemBoard, parentBoard: s.ParentBoard, log: s.Log, reserved: map[string]bool{}, text: map[string]*textIndex{},
	}
	for _, id := range s.Reserved {
		b.reserved[id] = true
	}
	bySlot := map[string]*Column{}
	for _, cs := range s.Columns {
		k := kinds[cs.Type]
		if k == nil || cs.Slot >= s.Slots {
			return fmt.Errorf("column %s of type %s is not known", cs.ID, cs.Type)
		}
		c := &Column{cs.ID, cs.Title, cs.Description, cs.Type, cs.Width, cs.Revision, cs.Hidden, cs.Restricted, cs.Required, cs.Labels, cs.Extra, cs.Slot, b, k}
		if ids, ok := c.Extra["boardIds"]; ok { // numbers came back as floats
			list, err := idList(ids)
			if err != nil {
				return fmt.Errorf("column %s: %w", cs.ID, err)
			}
			c.Extra["boardIds"] = list
		}
		b.Columns = append(b.Columns, c)
		bySlot[strconv.Itoa(cs.Slot)] = c
	}
	groups := map[string]*Group{}
	for _, gs := range s.Groups {
		g := &Group{ID: gs.ID, Title: gs.Title, Color: gs.Color, State: gs.State, board: b}
		b.Groups = append(b.Groups, g)
		groups[g.ID] = g
	}
	a.boards[b.ID] = b
	a.order = append(a.order, b)
	for _, is := range slices.Backward(s.Items) { // the newest goes to the front last
		it := &Item{
			ID: is.ID, Name: is.Name, State: is.State, Created: is.Created, Updated: is.Updated, CreatorID: is.CreatorID,
			UpdaterID: is.UpdaterID, board: b, group: groups[is.Group],
		}
		if it.group == nil {
			return fmt.Errorf("item %d: group %s is missing", is.ID, is.Group)
		}
		if err := importCells(it, is.Cells, bySlot); err != nil {
			return err
		}
		for _, u := range is.Updates {
			up := u.Update
			up.Replies = u.Replies
			it.Updates = append(it.Updates, &up)
			a.updates[up.ID] = &up
			for _, r := range up.Replies {
				a.updates[r.ID] = r
			}
		}
		a.items[it.ID] = it
		if is.Parent != 0 {
			parents[it] = is.Parent
		}
		if it.State == Active {
			a.enter(it)
		}
	}
	for _, gs := range s.Groups {
		for _, id := range gs.Items {
			it := a.items[id]
			if it == nil {
				return fmt.Errorf("group %s: item %d is missing", gs.ID, id)
			}
			groups[gs.ID].items = append(groups[gs.ID].items, it)
		}
	}
	return nil
}

func importCells(it *Item, cells map[string]cellState, bySlot map[string]*Column) error {
	for slot, cs := range cells {
		c := bySlot[slot]
		if c == nil {
			continue // its column was deleted
		}
		cell := &Cell{At: cs.At}
		if string(cs.V) != "null" {
			v, err := c.k.decode(cs.V)
			if err != nil {
				return fmt.Errorf("item %d, column %s: %w", it.ID, c.ID, err)
			}
			cell.V = v
		}
		it.setCell(c, cell)
	}
	return nil
}
