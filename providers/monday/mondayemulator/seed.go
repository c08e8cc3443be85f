package mondayemulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

// Execute runs a document as a user, as if it had been done by hand in the browser: no limits, no
// counters, no faults; events and activity rows as ever. user is an address, "" the first user. It
// gives the data; the first of the errors, if there are any, is the error.
func (e *Emulator) Execute(user, query string, variables map[string]any) (json.RawMessage, error) {
	e.acct.Lock()
	u := e.acct.Users[0]
	if user != "" {
		u = e.acct.UserByEmail(user)
	}
	e.acct.Unlock()
	if u == nil {
		return nil, fmt.Errorf("run as %q: no user has this address", user)
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, fmt.Errorf("encode variables: %w", err)
	}
	in, err := gql.DecodeRequest(body)
	if err != nil {
		return nil, err
	}
	p, errs, err := e.schema.Prepare(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs[0].Message)
	}
	req := &request{e: e, ctx: context.Background(), user: u, version: Version, base: e.opts.PublicURL}
	res := e.schema.Run(req, p, func(_ gql.Root, run func() error) error {
		e.acct.Lock()
		defer e.acct.Unlock()
		return run()
	})
	if res.Fatal != nil {
		return nil, res.Fatal
	}
	if len(res.Errors) > 0 {
		first := res.Errors[0]
		return json.RawMessage(res.Data), fmt.Errorf("%v: %s", first.Extensions["code"], first.Message)
	}
	return json.RawMessage(res.Data), nil
}

// AddUser adds a user and gives its id.
func (e *Emulator) AddUser(u User) int64 {
	e.acct.Lock()
	defer e.acct.Unlock()
	return e.acct.AddUser(account.User{ID: u.ID, Name: u.Name, Email: u.Email, TimeZone: u.TimeZone, Active: u.Active, Admin: u.Admin}).ID
}

// SetUserActive activates or deactivates a user.
func (e *Emulator) SetUserActive(id int64, active bool) error {
	e.acct.Lock()
	defer e.acct.Unlock()
	u := e.acct.User(id)
	if u == nil {
		return fmt.Errorf("change user %d: there is none", id)
	}
	u.Active = active
	return nil
}

// AddTeam adds a team and gives its id.
func (e *Emulator) AddTeam(name string, users ...int64) int64 {
	e.acct.Lock()
	defer e.acct.Unlock()
	return e.acct.AddTeam(name, users).ID
}

// BoardInfo is a board as tests and demos look at it.
type BoardInfo struct {
	ID        int64             `json:"id"`
	Name      string            `json:"name"`
	Workspace string            `json:"workspace"`
	State     string            `json:"state"`
	Items     int               `json:"items"`
	Columns   map[string]string `json:"columns"` // type by id
	Groups    map[string]string `json:"groups"`  // title by id
	Webhooks  int               `json:"webhooks"`
}

// Boards lists the boards that are not deleted, those of subitems left out, in the order they were
// made.
func (e *Emulator) Boards() []BoardInfo {
	e.acct.Lock()
	defer e.acct.Unlock()
	out := []BoardInfo{}
	for _, b := range e.acct.Boards() {
		if b.State == account.Deleted || b.Type != "board" {
			continue
		}
		info := BoardInfo{ID: b.ID, Name: b.Name, State: b.State, Items: b.Count, Columns: map[string]string{}, Groups: map[string]string{}}
		if w := e.acct.Workspace(b.WorkspaceID); w != nil {
			info.Workspace = w.Name
		}
		for _, c := range b.Columns {
			info.Columns[c.ID] = c.Type
		}
		for _, g := range b.Groups {
			if g.State == account.Active {
				info.Groups[g.ID] = g.Title
			}
		}
		for _, h := range e.acct.Hooks {
			if h.BoardID == b.ID {
				info.Webhooks++
			}
		}
		out = append(out, info)
	}
	return out
}

// Board finds an active board by name.
func (e *Emulator) Board(name string) (BoardInfo, bool) {
	for _, b := range e.Boards() {
		if b.Name == name && b.State == account.Active {
			return b, true
		}
	}
	return BoardInfo{}, false
}

// ItemInfo is an item as tests and demos look at it.
type ItemInfo struct {
	ID      int64                      `json:"id"`
	Name    string                     `json:"name"`
	State   string                     `json:"state"`
	Group   string                     `json:"group"`
	Updated time.Time                  `json:"updated"`
	By      int64                      `json:"by"`
	Values  map[string]json.RawMessage `json:"values"` // what is stored, empty cells left out
	Texts   map[string]string          `json:"texts"`  // as people read it, in UTC
	Updates []string                   `json:"updates,omitempty"`
}

// Items lists the active items of a board with their values.
func (e *Emulator) Items(board int64) ([]ItemInfo, error) {
	e.acct.Lock()
	defer e.acct.Unlock()
	b := e.acct.Board(board)
	if b == nil {
		return nil, fmt.Errorf("list items of board %d: there is none", board)
	}
	list, err := e.acct.Select(b, account.Query{})
	if err != nil {
		return nil, err
	}
	out := make([]ItemInfo, 0, len(list))
	for _, it := range list {
		info, err := e.itemInfo(it)
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

// Item gives one item whatever its state.
func (e *Emulator) Item(id int64) (ItemInfo, error) {
	e.acct.Lock()
	defer e.acct.Unlock()
	it := e.acct.Item(id)
	if it == nil {
		return ItemInfo{}, fmt.Errorf("read item %d: there is none", id)
	}
	return e.itemInfo(it)
}

func (e *Emulator) itemInfo(it *account.Item) (ItemInfo, error) {
	info := ItemInfo{
		ID: it.ID, Name: it.Name, State: it.State, Group: it.Group().Title, Updated: it.Updated, By: it.UpdaterID,
		Values: map[string]json.RawMessage{}, Texts: map[string]string{},
	}
	for _, u := range it.Updates {
		info.Updates = append(info.Updates, u.Body)
	}
	for _, r := range it.Values() {
		if v := r.Value(); v != nil {
			raw, err := json.Marshal(v)
			if err != nil {
				return info, fmt.Errorf("encode column %s of item %d: %w", r.Column.ID, it.ID, err)
			}
			info.Values[r.Column.ID] = raw
		}
		if s, ok := e.acct.Text(r, time.UTC).(string); ok && s != "" {
			info.Texts[r.Column.ID] = s
		}
	}
	return info, nil
}

// CreateItem adds an item by hand, as user (an address, "" the first). values are as column_values
// takes them. group is an id, "" the first.
func (e *Emulator) CreateItem(user string, board int64, group, name string, values map[string]any) (int64, error) {
	var id int64
	err := e.byHand(user, func(by int64) error {
		b, err := e.acct.ActiveBoard(by, board)
		if err != nil {
			return err
		}
		v, err := normal(values)
		if err != nil {
			return err
		}
		it, err := e.acct.CreateItem(by, b, account.NewItem{Name: name, GroupID: group, Values: v})
		if err == nil {
			id = it.ID
		}
		return err
	})
	return id, err
}

// SetValues changes an item by hand, as user.
func (e *Emulator) SetValues(user string, item int64, values map[string]any) error {
	return e.byHand(user, func(by int64) error {
		it, err := e.acct.ActiveItem(by, item)
		if err != nil {
			return err
		}
		v, err := normal(values)
		if err != nil {
			return err
		}
		return e.acct.SetValues(by, it, v, false)
	})
}

// SetItemState archives, deletes or restores an item by hand: state is active, archived or deleted.
func (e *Emulator) SetItemState(user string, item int64, state string) error {
	return e.byHand(user, func(by int64) error {
		it := e.acct.Item(item)
		if it == nil {
			return fmt.Errorf("change item %d: there is none", item)
		}
		switch state {
		case account.Active, account.Archived, account.Deleted:
			e.acct.SetItemState(by, it, state)
			return nil
		}
		return fmt.Errorf("change item %d: state %q is none of active, archived, deleted", item, state)
	})
}

// DeleteColumn deletes a column by hand.
func (e *Emulator) DeleteColumn(user string, board int64, column string) error {
	return e.byHand(user, func(by int64) error {
		b, c, err := e.column(board, column)
		if err != nil {
			return err
		}
		return e.acct.DeleteColumn(by, b, c)
	})
}

// HideColumn makes a column vanish from what the API answers, or come back, as a restriction of its
// view does.
func (e *Emulator) HideColumn(board int64, column string, hidden bool) error {
	return e.byHand("", func(int64) error {
		_, c, err := e.column(board, column)
		if err == nil {
			c.Hidden = hidden
		}
		return err
	})
}

// RestrictColumn lets only its owners write to a column, or everybody again: the API answers
// UserUnauthorizedException.
func (e *Emulator) RestrictColumn(board int64, column string, restricted bool) error {
	return e.byHand("", func(int64) error {
		_, c, err := e.column(board, column)
		if err == nil {
			c.Restricted = restricted
		}
		return err
	})
}

// RequireColumn makes a column one that items may not be without, or no longer: the API answers
// DATA_VALIDATIONS_ERROR.
func (e *Emulator) RequireColumn(board int64, column string, required bool) error {
	return e.byHand("", func(int64) error {
		_, c, err := e.column(board, column)
		if err == nil {
			c.Required = required
		}
		return err
	})
}

// DeactivateLabel switches a label of a status or dropdown column off by hand.
func (e *Emulator) DeactivateLabel(board int64, column string, label int) error {
	return e.byHand("", func(by int64) error {
		_, c, err := e.column(board, column)
		if err != nil {
			return err
		}
		return e.acct.DeactivateLabel(by, c, label)
	})
}

// DisableWebhook removes a subscription, as a user can in the board's integrations.
func (e *Emulator) DisableWebhook(id int64) error {
	return e.byHand("", func(int64) error {
		_, err := e.acct.RemoveWebhook(id)
		return err
	})
}

// SetSearchLag makes items_page_by_column_values see changes only d after they were made.
func (e *Emulator) SetSearchLag(d time.Duration) {
	e.acct.Lock()
	defer e.acct.Unlock()
	e.acct.SearchLag = d
}

// ExpireCursors ends every page walk that is under way.
func (e *Emulator) ExpireCursors() {
	e.acct.Lock()
	defer e.acct.Unlock()
	e.acct.ExpireCursors()
}

// PendingWebhooks is how many webhook requests wait to be sent, retries included.
func (e *Emulator) PendingWebhooks() int { return e.sender.Pending() }

func (e *Emulator) column(board int64, id string) (*account.Board, *account.Column, error) {
	b := e.acct.Board(board)
	if b == nil {
		return nil, nil, fmt.Errorf("find column %s: there is no board %d", id, board)
	}
	c := b.Column(id)
	if c == nil {
		return nil, nil, fmt.Errorf("find column %s: board %d has none", id, board)
	}
	return b, c, nil
}

var errNoUser = errors.New("no user has this address")

// Automation is the user of SetValues and its like for a change that one of the board's own
// automations makes; events show it with the id -4.
const Automation = "automation"

const automationID = -4

func (e *Emulator) byHand(user string, f func(by int64) error) error {
	e.acct.Lock()
	defer e.acct.Unlock()
	u := e.acct.Users[0]
	if user == Automation {
		u = &account.User{ID: automationID}
	} else if user != "" {
		if u = e.acct.UserByEmail(user); u == nil {
			return fmt.Errorf("act as %q: %w", user, errNoUser)
		}
	}
	return f(u.ID)
}

// normal takes Go values of any kind to those that JSON gives.
func normal(values map[string]any) (map[string]any, error) {
	raw, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encode values: %w", err)
	}
	return account.DecodeValues(string(raw))
}
