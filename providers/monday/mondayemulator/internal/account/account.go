package account

import (
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// User is a person of the account.
type User struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Title    string    `json:"title,omitempty"`
	TimeZone string    `json:"time_zone"`
	Active   bool      `json:"active"`
	Admin    bool      `json:"admin,omitempty"`
	Created  time.Time `json:"created"`
}

// Location is the zone the user's dates are shown in; UTC when it is unknown.
func (u *User) Location() *time.Location {
	if u == nil {
		return time.UTC
	}
	l, err := time.LoadLocation(u.TimeZone)
	if err != nil {
		return time.UTC
	}
	return l
}

// Team is a named group of users.
type Team struct {
	ID      int64   `json:"id"`
	Name    string  `json:"name"`
	UserIDs []int64 `json:"user_ids"`
}

// Tag is an account-wide tag.
type Tag struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

// Workspace is a named container of boards.
type Workspace struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	Description string    `json:"description,omitempty"`
	State       string    `json:"state"`
	Created     time.Time `json:"created"`
	OwnerID     int64     `json:"owner_id"`
}

// Config is what an Account is made from.
type Config struct {
	Now        func() time.Time
	Seed       int64
	Name       string
	Tier       string
	Users      []User
	Workspaces []string
	ItemsLimit int // per board
}

// Account is all there is in one account. Hold Lock to change it, RLock to read.
type Account struct {
	sync.RWMutex
	ID         int64
	Name       string
	Slug       string
	Tier       string
	Created    time.Time
	Users      []*User
	Teams      []*Team
	Tags       []*Tag
	Workspaces []*Workspace
	ItemsLimit int
	Hooks      []*Webhook

	// Deliver is called, under Lock, for each webhook request that is due.
	Deliver func(h *Webhook, body map[string]any)
	// SearchLag is how long a change stays unseen by ItemsByValues.
	SearchLag time.Duration
	// NumericColors answers label colours as numbers, as the live API was seen to do.
	NumericColors bool
	// Written counts items created or changed since the start.
	Written int64

	now     func() time.Time
	seed    int64
	drawn   map[string]uint64 // how many numbers each stream has given
	nextID  map[string]int64
	boards  map[int64]*Board
	order   []*Board
	items   map[int64]*Item
	updates map[int64]*Update
	cursors map[string]*cursor
	walks   int64
}

// New makes an account with its users and workspaces.
func New(cfg Config) *Account {
	a := &Account{
		Name: cfg.Name, Tier: cfg.Tier, ItemsLimit: cfg.ItemsLimit, NumericColors: true,
		now: cfg.Now, seed: cfg.Seed, drawn: map[string]uint64{},
		nextID: map[string]int64{}, boards: map[int64]*Board{}, items: map[int64]*Item{},
		updates: map[int64]*Update{}, cursors: map[string]*cursor{},
		Deliver: func(*Webhook, map[string]any) {},
	}
	a.ID = 20_000_000 + int64(a.draw("account")%9_000_000)
	a.Slug = slug(cfg.Name)
	a.Created = a.Now()
	for _, u := range cfg.Users {
		a.AddUser(u)
	}
	for _, w := range cfg.Workspaces {
		a.CreateWorkspace(a.firstUser(), w, "open", "")
	}
	return a
}

// Now is the account's time, in UTC.
func (a *Account) Now() time.Time { return a.now().UTC() }

func (a *Account) firstUser() int64 {
	if len(a.Users) == 0 {
		return 0
	}
	return a.Users[0].ID
}

// newID gives ids that grow by a random step, like the vendor's, one row per kind of thing.
func (a *Account) newID(kind string) int64 {
	base, ok := a.nextID[kind]
	if !ok {
		base = map[string]int64{
			"user": 60_000_000, "team": 1_100_000, "workspace": 9_000_000, "board": 5_090_000_000,
			"item": 12_500_000_000, "webhook": 466_000_000, "update": 3_830_000_000, "tag": 24_000_000,
		}[kind]
		base += int64(a.draw("first "+kind) % 1_000_000)
	}
	base += 1 + int64(a.draw(kind)%40)
	a.nextID[kind] = base
	return base
}

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// draw gives the next number of a stream. Streams are independent: how often pages are read or
// revisions made does not change the ids of items.
func (a *Account) draw(stream string) uint64 {
	n := a.drawn[stream]
	a.drawn[stream] = n + 1
	h := fnv.New64a()
	h.Write([]byte(stream))
	return rand.NewPCG(uint64(a.seed)^h.Sum64(), n).Uint64()
}

// Random gives n characters of base 36 from a stream.
func (a *Account) Random(stream string, n int) string {
	b := make([]byte, n)
	var bits uint64
	for i := range b {
		if i%8 == 0 {
			bits = a.draw(stream)
		}
		b[i] = base36[bits%36]
		bits /= 36
	}
	return string(b)
}

// Hex gives n bytes from a stream in hexadecimal.
func (a *Account) Hex(stream string, n int) string {
	b := make([]byte, n)
	var bits uint64
	for i := range b {
		if i%8 == 0 {
			bits = a.draw(stream)
		}
		b[i] = byte(bits)
		bits >>= 8
	}
	return hex.EncodeToString(b)
}

// UUID gives an id in UUID form from a stream.
func (a *Account) UUID(stream string) string {
	h := a.Hex(stream, 16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (a *Account) color() Color { return colors[a.draw("color")%uint64(len(colors))] }

func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// AddUser adds a user. A zero id is given one; an unset zone is UTC.
func (a *Account) AddUser(u User) *User {
	if u.ID == 0 {
		u.ID = a.newID("user")
	}
	if u.TimeZone == "" {
		u.TimeZone = "UTC"
	}
	if u.Created.IsZero() {
		u.Created = a.Now()
	}
	a.Users = append(a.Users, &u)
	return &u
}

// User finds a user by id; nil when there is none.
func (a *Account) User(id int64) *User {
	for _, u := range a.Users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

// UserByEmail finds a user by address, ignoring case; nil when there is none.
func (a *Account) UserByEmail(email string) *User {
	for _, u := range a.Users {
		if strings.EqualFold(u.Email, email) {
			return u
		}
	}
	return nil
}

// AddTeam adds a team of users.
func (a *Account) AddTeam(name string, users []int64) *Team {
	t := &Team{ID: a.newID("team"), Name: name, UserIDs: users}
	a.Teams = append(a.Teams, t)
	return t
}

// Team finds a team by id; nil when there is none.
func (a *Account) Team(id int64) *Team {
	for _, t := range a.Teams {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Tag finds a tag by name or makes it.
func (a *Account) Tag(name string) *Tag {
	for _, t := range a.Tags {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	t := &Tag{ID: a.newID("tag"), Name: name, Color: a.color().Hex}
	a.Tags = append(a.Tags, t)
	return t
}

// TagByID finds a tag; nil when there is none.
func (a *Account) TagByID(id int64) *Tag {
	for _, t := range a.Tags {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// CreateWorkspace makes a workspace of a kind: open, closed or template.
func (a *Account) CreateWorkspace(by int64, name, kind, description string) *Workspace {
	w := &Workspace{
		ID: a.newID("workspace"), Name: name, Kind: kind, Description: description,
		State: "active", Created: a.Now(), OwnerID: by,
	}
	a.Workspaces = append(a.Workspaces, w)
	return w
}

// Workspace finds a workspace by id; nil when there is none.
func (a *Account) Workspace(id int64) *Workspace {
	for _, w := range a.Workspaces {
		if w.ID == id {
			return w
		}
	}
	return nil
}

// Stamp spells a time as the API does: seconds, Z.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// changedAt spells the time of a cell's change: milliseconds, Z.
func changedAt(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Ticks is a time as the activity log counts it: 100 ns since 1970, seventeen digits.
func Ticks(t time.Time) string { return strconv.FormatInt(t.UnixNano()/100, 10) }
