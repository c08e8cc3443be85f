package org

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// Options say what kind of org to make.
type Options struct {
	Clock func() time.Time
	Seed  int64
	// Username is the integration user's.
	Username string
	// LeastPrivileged gives the integration user no access to any record until permission sets grant it.
	LeastPrivileged bool
	// Name of the organization.
	Name string
	// InstanceURL is compared with what event subscribers send, where both are known.
	InstanceURL string
}

// Org is one org. All access goes through transactions.
type Org struct {
	mu     sync.RWMutex
	clock  func() time.Time
	pod    string
	source *rand.PCG
	rng    *rand.Rand
	tables map[string]*table // by lower-case name
	prefix map[string]*table // by key prefix

	orgID, adminID, userID string

	fieldSeq, objectSeq, metaSeq uint64
	channels                     []*channel
	members                      []*member
	valueSets                    map[string]*valueSet
	recordTypes                  map[string]map[string][]string // record type id -> picklist -> values
	automations                  []Automation
	duplicateRules               []DuplicateRule
	locked                       map[string]time.Time
	held                         map[string]int // rows that calls in flight hold

	sink         changefeed.Sink
	feedDelivery sync.Mutex // held while the sink is called
	feedQueue    sync.Mutex // guards feed
	feed         []feedItem
	commitNo     int64
	txNo         uint64

	defined time.Time // when definitions or permissions last changed

	permMu sync.Mutex
	perms  map[string]*Permissions

	auth  func(token, instanceURL string) (string, bool)
	admit func() bool // tells whether one more platform event may be published
}

// New makes an org with the standard objects, an administrator and the integration user.
func New(opts Options) (*Org, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Name == "" {
		opts.Name = "Acme"
	}
	source := rand.NewPCG(uint64(opts.Seed), 0x5f0e)
	o := &Org{
		clock: opts.Clock, source: source, rng: rand.New(source), tables: map[string]*table{}, prefix: map[string]*table{}, valueSets: map[string]*valueSet{},
		recordTypes: map[string]map[string][]string{}, locked: map[string]time.Time{}, held: map[string]int{}, perms: map[string]*Permissions{},
	}
	o.defined = opts.Clock()
	o.pod = sfid.Base62(uint64(opts.Seed)%62+36, 1)[:1] + "L0"
	objs, err := metadata.Builtin()
	if err != nil {
		return nil, err
	}
	for _, def := range objs {
		o.addTable(def)
	}
	if err := o.bootstrap(opts); err != nil {
		return nil, fmt.Errorf("setting up the org: %w", err)
	}
	return o, nil
}

func (o *Org) addTable(def *metadata.Object) *table {
	t := newTable(def)
	o.tables[strings.ToLower(def.Name)] = t
	o.prefix[def.KeyPrefix] = t
	return t
}

func (o *Org) table(name string) *table {
	if t, ok := o.tables[name]; ok {
		return t
	}
	return o.tables[strings.ToLower(name)]
}

// rowByID finds a record of any object.
func (o *Org) rowByID(id string) (*table, *row) {
	t := o.prefix[sfid.Prefix(id)]
	if t == nil {
		return nil, nil
	}
	return t, t.rows[id]
}

// tableNames lists all objects, sorted.
func (o *Org) tableNames() []string {
	names := make([]string, 0, len(o.tables))
	for _, t := range o.tables {
		names = append(names, t.def.Name)
	}
	sort.Strings(names)
	return names
}

// now is the clock cut to the second, as the vendor stamps records.
func (o *Org) now() time.Time { return o.clock().UTC().Truncate(time.Second) }

func stamp(t time.Time) string { return t.UTC().Format(soql.DateTimeLayout) }

// OrgID is the 18-character id of the org.
func (o *Org) OrgID() string { return o.orgID }

// IntegrationUser is the id of the user the API is called as.
func (o *Org) IntegrationUser() string { return o.userID }

// Admin is the id of the administrator.
func (o *Org) Admin() string { return o.adminID }

// SetSink sets who is told of committed changes. It must be set before the org is shared.
func (o *Org) SetSink(s changefeed.Sink) { o.sink = s }

// SetAuth sets how access tokens of event subscribers are checked. It must be set before the org is shared.
func (o *Org) SetAuth(f func(token, instanceURL string) (userID string, ok bool)) { o.auth = f }

// SetAdmission sets what is asked before each platform event is published. It must be set before the org is shared.
func (o *Org) SetAdmission(f func() bool) { o.admit = f }

// Lock makes writes that need the record, or a child of it, fail with UNABLE_TO_LOCK_ROW until that time.
func (o *Org) Lock(id string, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id18, ok := sfid.Normalize(id); ok {
		o.locked[id18] = until
	}
}

func (o *Org) isLocked(id string) bool {
	if o.held[id] > 0 {
		return true
	}
	until, ok := o.locked[id]
	return ok && o.clock().Before(until)
}

// hold counts the rows a transaction needed as held until the returned func is called. The caller holds the org.
func (tx *Tx) hold() (release func()) {
	o := tx.o
	var ids []string
	for _, t := range tx.touched {
		ids = append(ids, t.r.id)
		for _, c := range t.r.cells {
			if f := t.t.def.Fields[c.slot]; f.Type == "reference" && f.ChildRelationship != "" {
				if id, ok := c.val.(string); ok {
					ids = append(ids, id)
				}
			}
		}
	}
	for _, id := range ids {
		o.held[id]++
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, id := range ids {
			if o.held[id]--; o.held[id] == 0 {
				delete(o.held, id)
			}
		}
	}
}

// CommitHolding commits, and keeps the written rows and their parents locked until the returned func is called, as a slow save
// does: other transactions that need them fail with UNABLE_TO_LOCK_ROW.
func (tx *Tx) CommitHolding() (release func()) {
	release = tx.hold()
	tx.Commit()
	return release
}
