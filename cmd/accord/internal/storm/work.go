package storm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"accord/cmd/accord/internal/people"
)

// salesPeople are the users of the org that are people of both sides, in SOQL.
const salesPeople = "IsActive = true AND Email LIKE '%@example.com' ORDER BY Id"

// crew are the people who edit, and what they know.
type crew struct {
	*storm
	rand     *rand.Rand
	boards   map[string]string // ids by name
	accounts []string
	users    []string // who may own a deal
}

// errNotDone says that a vendor refused what somebody wanted to do, as it may.
var errNotDone = errors.New("refused")

// work has people edit until the time is over.
func (s *storm) work(ctx context.Context) error {
	c := &crew{storm: s, rand: s.stream(1), boards: map[string]string{}}
	if err := c.arrive(ctx); err != nil {
		return err
	}
	acts := slices.DeleteFunc(c.acts(), func(a act) bool { return s.without(a.name) })
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	for ctx.Err() == nil {
		pause := time.Duration(s.cfg.Slower*(10+c.rand.IntN(120))) * time.Millisecond
		if c.rand.IntN(40) == 0 {
			pause += time.Duration(c.rand.IntN(2500)) * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		draw := c.rand.IntN(total)
		for _, a := range acts {
			if draw -= a.weight; draw < 0 {
				// What is begun is ended, so that it is known whether it was done.
				err := a.do(context.WithoutCancel(ctx))
				if err != nil && !errors.Is(err, errNotDone) {
					return fmt.Errorf("%s: %w", a.name, err)
				}
				break
			}
		}
	}
	return nil
}

// arrive finds out what there is.
func (c *crew) arrive(ctx context.Context) error {
	for _, o := range objects {
		id, err := c.people.Board(ctx, o.table[Monday])
		if err != nil || id == "" {
			return fmt.Errorf("find the board %s: %q, %w", o.table[Monday], id, err)
		}
		c.boards[o.table[Monday]] = id
	}
	rows, err := c.people.Query(ctx, "SELECT Id FROM Account ORDER BY Id")
	if err != nil {
		return err
	}
	for _, r := range rows {
		c.accounts = append(c.accounts, text(r["Id"]))
	}
	rows, err = c.people.Query(ctx, "SELECT Id FROM User WHERE "+salesPeople)
	for _, r := range rows {
		c.users = append(c.users, text(r["Id"]))
	}
	return err
}

type act struct {
	name   string
	weight int
	do     func(context.Context) error
}

func (c *crew) acts() []act {
	return []act{
		{"edit a deal in Salesforce", 140, c.editDeal},
		{"edit a client in Salesforce", 60, c.editClient},
		{"edit what monday owns", 120, c.editBoard},
		{"edit what both may edit", 280, c.editEither},
		{"edit what is not monday's to edit", 20, c.drift},
		{"add an account", 20, c.addAccount},
		{"add a deal", 20, c.addDeal},
		{"add a request", 40, c.addRequest},
		{"win a deal", 60, c.win},
		{"remove", 40, c.remove},
		{"delete an account", 8, c.removeAccount},
		{"merge two accounts", 12, c.merge},
		{"put a record back", 24, c.undelete},
		{"put an item back", 24, c.restore},
		{"type a stage wrongly", 16, c.misspell},
		{"load accounts", 3, c.load},
		{"make many requests at once", 5, c.many},
	}
}

func pick[T any](c *crew, list []T) (v T, ok bool) {
	if len(list) == 0 {
		return v, false
	}
	return list[c.rand.IntN(len(list))], true
}

// insist repeats a call until a vendor says yes or no. Every vendor's answers get lost in a storm.
func (s *storm) insist(ctx context.Context, call func(context.Context) error) (began, ended time.Time, err error) {
	began = time.Now()
	for {
		err = func() error {
			ctx, cancel := context.WithTimeout(ctx, 6*time.Second)
			defer cancel()
			return call(ctx)
		}()
		ended = time.Now()
		if err == nil || refused(err) {
			return began, ended, err
		}
		if time.Since(began) > time.Minute {
			return began, ended, fmt.Errorf("a minute of tries: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refused says that a vendor has understood and won't.
func refused(err error) bool {
	var status *people.StatusError
	if errors.As(err, &status) {
		again := []int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusLocked, http.StatusTooManyRequests}
		return status.Status/100 == 4 && !slices.Contains(again, status.Status)
	}
	var graph *people.GraphQLError
	return errors.As(err, &graph) && slices.Contains([]string{"InvalidItemIdException", "ItemNotFoundException", "ResourceNotFoundException", "InactiveItemException",
		"InvalidArgumentException", "ColumnValueException", "ItemInactiveException"}, graph.Code)
}

// set edits one field of a record in Salesforce.
func (s *storm) set(ctx context.Context, table, id, field string, value any) error {
	tries := 0
	began, ended, err := s.insist(ctx, func(ctx context.Context) error {
		tries++
		return s.people.Update(ctx, table, id, map[string]any{field: value})
	})
	s.counted(Salesforce, tries, err)
	if err != nil {
		s.say("Salesforce: %s %s.%s is not set: %v", table, id, field, err)
		return wrap(err)
	}
	s.past.did(objectOf(table), Salesforce, id, field, text(value), began, ended)
	s.say("Salesforce: %s %s.%s = %.60s", table, id, field, fmt.Sprint(value))
	return nil
}

// write edits one cell of an item.
func (c *crew) write(ctx context.Context, o *object, item, column, value string) error {
	s, key, board := c.storm, c.key(), c.boards[o.table[Monday]]
	began, ended, err := s.insist(ctx, func(ctx context.Context) error { return s.people.Type(ctx, key, board, item, column, value) })
	s.counted(Monday, 1, err)
	if err != nil {
		s.say("monday: %s.%s is not set: %v", item, column, err)
		return wrap(err)
	}
	s.past.did(o, Monday, item, column, value, began, ended)
	s.say("monday: %s.%s = %.60s", item, column, value)
	return nil
}

func wrap(err error) error {
	if refused(err) {
		return fmt.Errorf("%w: %w", errNotDone, err)
	}
	return err
}

// key is an idempotency key: with it monday carries a repeated call out once.
func (s *storm) key() string { return fmt.Sprintf("people-%d-%s", s.cfg.Seed, s.past.word("key")) }

// counted counts the rows that a person's call wrote.
func (s *storm) counted(sd Vendor, tries int, err error) {
	s.past.mu.Lock()
	defer s.past.mu.Unlock()
	if err == nil {
		s.past.rows[sd]++
		s.report.Edits++
	}
	s.past.unsure[sd] += max(tries-1, 0)
}

// countedRows counts the rows that one call of a person's wrote.
func (s *storm) countedRows(sd Vendor, rows int) {
	s.past.mu.Lock()
	defer s.past.mu.Unlock()
	s.past.rows[sd] += rows
	s.report.Edits += rows
}

// couple is a record that has an item, as Salesforce shows it.
type couple struct{ record, item string }

func (c *crew) couple(ctx context.Context, o *object) (couple, bool, error) {
	var list []couple
	_, _, err := c.insist(ctx, func(ctx context.Context) error {
		rows, err := c.people.Query(ctx, "SELECT Id, Monday_Item_Id__c FROM "+o.table[Salesforce]+" WHERE Monday_Item_Id__c != null ORDER BY Id")
		list = nil
		for _, r := range rows {
			if x := (couple{text(r["Id"]), text(r["Monday_Item_Id__c"])}); !c.past.isRemoved(Monday, x.item) && !c.past.isRemoved(Salesforce, x.record) {
				list = append(list, x)
			}
		}
		return err
	})
	for _, x := range list {
		c.past.coupled(x.record, x.item)
	}
	x, ok := pick(c, list)
	return x, ok, err
}

func (c *crew) record(ctx context.Context, table, where string) (string, bool, error) {
	var ids []string
	_, _, err := c.insist(ctx, func(ctx context.Context) error {
		rows, err := c.people.Query(ctx, "SELECT Id FROM "+table+where+" ORDER BY Id")
		ids = nil
		for _, r := range rows {
			ids = append(ids, text(r["Id"]))
		}
		return err
	})
	id, ok := pick(c, ids)
	return id, ok, err
}

func (c *crew) editDeal(ctx context.Context) error {
	id, ok, err := c.record(ctx, "Opportunity", "")
	if !ok {
		return err
	}
	switch c.rand.IntN(6) {
	case 0:
		return c.set(ctx, "Opportunity", id, "Name", c.prose("deal", 120))
	case 1:
		return c.set(ctx, "Opportunity", id, "Amount", c.rand.IntN(900_000)+1)
	case 2:
		user, _ := pick(c, c.users)
		return c.set(ctx, "Opportunity", id, "OwnerId", user)
	case 3:
		account, _ := pick(c, c.accounts)
		return c.set(ctx, "Opportunity", id, "AccountId", account)
	case 4:
		return c.set(ctx, "Opportunity", id, "Remark__c", c.prose("remark", 255))
	default:
		return c.stage(ctx, id)
	}
}

// stage moves a deal on, but for those that are won, which stay it.
func (c *crew) stage(ctx context.Context, id string) error {
	_, yes := c.past.won[id]
	if yes || !c.past.begun[id] && c.past.made[Salesforce][id] == "" {
		return nil // it is won, or was before the storm began
	}
	to, _ := pick(c, stages)
	return c.set(ctx, "Opportunity", id, "StageName", to)
}

func (c *crew) editClient(ctx context.Context) error {
	id, ok, err := c.record(ctx, "Account", "")
	if !ok {
		return err
	}
	switch c.rand.IntN(4) {
	case 0:
		return c.set(ctx, "Account", id, "Story__c", c.story())
	case 3:
		return c.set(ctx, "Account", id, "Name", c.prose("client", 255))
	case 1:
		to, _ := pick(c, []string{"Banking", "Energy", "Retail", "Media"})
		return c.set(ctx, "Account", id, "Industry", to)
	default:
		return c.set(ctx, "Account", id, "Website", "https://"+tokenOf(c.past.word(""))+".example.com")
	}
}

func (c *crew) editBoard(ctx context.Context) error {
	o, _ := pick(c, objects)
	x, ok, err := c.couple(ctx, o)
	if !ok {
		return err
	}
	switch o {
	case &clients:
		return c.write(ctx, o, x.item, "health", c.prose("health", 255))
	case &deals:
		return c.write(ctx, o, x.item, "progress", fmt.Sprint(c.rand.IntN(100)+1))
	default:
		return c.write(ctx, o, x.item, "name", c.prose("request", 255))
	}
}

// editEither edits what both sides may edit; often somebody on the other side does so soon after.
func (c *crew) editEither(ctx context.Context) error {
	o := &deals
	if c.rand.IntN(5) == 0 {
		o = &requests
	}
	x, ok, err := c.couple(ctx, o)
	if !ok {
		return err
	}
	var open []*field
	for i := range o.fields {
		if o.fields[i].owner == byEither {
			open = append(open, &o.fields[i])
		}
	}
	f, _ := pick(c, open)
	first, both := Vendor(c.rand.IntN(2)), c.rand.IntN(3) == 0
	gap := time.Duration(c.rand.IntN(2500)) * time.Millisecond
	words := [2]string{c.prose(f.native[Monday], 255), c.prose(f.native[Monday], 255)}
	one := func(sd Vendor) error {
		if sd == Salesforce {
			return c.set(ctx, o.table[Salesforce], x.record, f.native[Salesforce], words[sd])
		}
		return c.write(ctx, o, x.item, f.native[Monday], words[sd])
	}
	if !both {
		return one(first)
	}
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = one(first) })
	time.Sleep(gap)
	errs[1] = one(first.other())
	wg.Wait()
	return errors.Join(errs[:]...)
}

// drift edits on the board what Salesforce owns, each field of each item once at the most: who does it again and again
// is in a fight, which accord stops.
func (c *crew) drift(ctx context.Context) error {
	o := []*object{&clients, &deals}[c.rand.IntN(2)]
	x, ok, err := c.couple(ctx, o)
	if !ok {
		return err
	}
	column, value := "name", c.prose("drift", 120)
	if o == &deals && c.rand.IntN(2) == 0 {
		column, value = "amount", "1"
	}
	if !c.drifts(x.item, column) {
		return nil
	}
	return c.write(ctx, o, x.item, column, value)
}

// drifts says whether a field of an item may be edited against the contract.
func (c *crew) drifts(item, column string) bool {
	if c.past.drifted[item+column] {
		return false
	}
	c.past.drifted[item+column] = true
	c.past.reverts++
	return true
}

func (c *crew) addAccount(ctx context.Context) error {
	id, err := c.create(ctx, "Account", map[string]any{"Name": c.prose("client", 255), "Industry": "Energy"})
	if err == nil {
		c.accounts = append(c.accounts, id)
	}
	return err
}

func (c *crew) addDeal(ctx context.Context) error {
	account, _ := pick(c, c.accounts)
	stage, _ := pick(c, stages)
	_, err := c.create(ctx, "Opportunity", map[string]any{
		"Name": c.prose("deal", 120), "StageName": stage, "AccountId": account, "CloseDate": "2027-01-31", "Amount": c.rand.IntN(900_000) + 1,
	})
	return err
}

// create makes a record. Where the answer gets lost, it is looked for by its name before it is made again.
func (c *crew) create(ctx context.Context, table string, fields map[string]any) (id string, err error) {
	tries := 0
	began, ended, err := c.insist(ctx, func(ctx context.Context) error {
		if tries++; tries > 1 {
			rows, err := c.people.Query(ctx, "SELECT Id FROM "+table+" WHERE Name LIKE '%"+tokenOf(text(fields["Name"]))+"%'")
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				id = text(rows[0]["Id"])
				return nil
			}
		}
		var err error
		id, err = c.people.Create(ctx, table, fields)
		return err
	})
	c.counted(Salesforce, tries, err)
	if err != nil {
		return "", wrap(err)
	}
	c.past.makes(Salesforce, table, id)
	for name, v := range fields {
		c.past.did(objectOf(table), Salesforce, id, name, text(v), began, ended)
	}
	c.say("Salesforce: %s %s is made: %.200s", table, id, fmt.Sprint(fields))
	return id, nil
}

func (c *crew) addRequest(ctx context.Context) error {
	name, key, id := c.prose("request", 255), c.key(), ""
	began, ended, err := c.insist(ctx, func(ctx context.Context) error {
		var err error
		id, err = c.people.Add(ctx, key, c.boards["Requests"], name)
		return err
	})
	c.counted(Monday, 1, err)
	if err != nil {
		return wrap(err)
	}
	c.past.makes(Monday, "Requests", id)
	c.past.did(&requests, Monday, id, "name", name, began, ended)
	c.say("monday: request %s is made: %.60s", id, name)
	return nil
}

// win wins a deal that accord has surely seen unwon: what was already so when it first looked is no occurrence.
func (c *crew) win(ctx context.Context) error {
	id, ok, err := c.record(ctx, "Opportunity", " WHERE StageName != '"+won+"'")
	if !ok {
		return err
	}
	if !c.past.begun[id] {
		return nil
	}
	if err := c.set(ctx, "Opportunity", id, "StageName", won); err != nil {
		return err
	}
	c.past.won[id] = time.Now()
	return nil
}

func (c *crew) remove(ctx context.Context) error {
	switch c.rand.IntN(4) {
	case 0:
		id, ok, err := c.record(ctx, "Opportunity", "")
		if !ok {
			return err
		}
		return c.takeAway(ctx, Salesforce, id, func(ctx context.Context, _ string) error { return c.people.Delete(ctx, "Opportunity", id) })
	case 1:
		x, ok, err := c.couple(ctx, &deals)
		if !ok {
			return err
		}
		return c.takeAway(ctx, Monday, x.item, func(ctx context.Context, key string) error { return c.people.Remove(ctx, key, x.item, false) })
	default:
		x, ok, err := c.couple(ctx, &requests)
		if !ok {
			return err
		}
		archive := c.rand.IntN(2) == 0
		return c.takeAway(ctx, Monday, x.item, func(ctx context.Context, key string) error { return c.people.Remove(ctx, key, x.item, archive) })
	}
}

func (c *crew) takeAway(ctx context.Context, sd Vendor, id string, do func(context.Context, string) error) error {
	tries, key := 0, c.key()
	_, _, err := c.insist(ctx, func(ctx context.Context) error {
		tries++
		return do(ctx, key)
	})
	if refused(err) && tries > 1 {
		err = nil // an earlier try has removed it
	}
	c.counted(sd, tries, err)
	if err != nil {
		return wrap(err)
	}
	c.past.removes(sd, id)
	c.say("%s: %s is removed", sd, id)
	return nil
}
