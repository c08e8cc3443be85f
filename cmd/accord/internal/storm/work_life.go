package storm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Lives names what people do of which the judges cannot always tell yet what must come of it: a record that comes back, or
// that became part of another, while everything breaks.
var Lives = []string{"merge two accounts", "put a record back", "put an item back"}

// byHand has a user do in Salesforce what the REST API has no call for.
func (c *crew) byHand(ctx context.Context, do map[string]any) (began, ended time.Time, err error) {
	return c.settled(ctx, "/salesforce/records", do)
}

// settled insists on a deed at an emulator's own controls. The vendors are not frozen meanwhile: these controls would still
// say yes.
func (c *crew) settled(ctx context.Context, path string, do map[string]any) (began, ended time.Time, err error) {
	tries := 0
	began, ended, err = c.insist(ctx, func(ctx context.Context) error {
		c.frozen <- struct{}{}
		defer func() { <-c.frozen }()
		tries++
		return c.admin(ctx, "POST", path, do, nil)
	})
	if refused(err) && tries > 1 {
		err = nil // an earlier try has done it
	}
	return began, ended, wrap(err)
}

// dealsOf are the deals of an account.
func (c *crew) dealsOf(ctx context.Context, account string) (ids []string, err error) {
	_, _, err = c.insist(ctx, func(ctx context.Context) error {
		rows, err := c.people.Query(ctx, "SELECT Id FROM Opportunity WHERE AccountId = '"+account+"' ORDER BY Id")
		ids = nil
		for _, r := range rows {
			ids = append(ids, text(r["Id"]))
		}
		return err
	})
	return ids, err
}

// removeAccount deletes an account, and with it its deals.
func (c *crew) removeAccount(ctx context.Context) error {
	id, ok := pick(c, c.accounts)
	if !ok || len(c.accounts) < 5 {
		return nil
	}
	list, err := c.dealsOf(ctx, id)
	if err != nil {
		return err
	}
	if err := c.takeAway(ctx, Salesforce, id, func(ctx context.Context, _ string) error { return c.people.Delete(ctx, "Account", id) }); err != nil {
		return err
	}
	c.accounts = slices.DeleteFunc(c.accounts, func(a string) bool { return a == id })
	for _, d := range list {
		c.past.removes(Salesforce, d)
	}
	c.past.cascade[id] = list
	c.deed("accounts deleted")
	return nil
}

// merge folds one account into another.
func (c *crew) merge(ctx context.Context) error {
	master, _ := pick(c, c.accounts)
	loser, _ := pick(c, c.accounts)
	if master == loser || len(c.accounts) < 5 {
		return nil
	}
	list, err := c.dealsOf(ctx, loser)
	if err != nil {
		return err
	}
	began, ended, err := c.byHand(ctx, map[string]any{"do": "merge", "object": "Account", "id": master, "losers": []string{loser}})
	if err != nil {
		return err
	}
	c.accounts = slices.DeleteFunc(c.accounts, func(a string) bool { return a == loser })
	c.past.merged[loser] = master
	for _, d := range list {
		c.past.did(&deals, Salesforce, d, "AccountId", master, began, ended)
	}
	c.past.moved += len(list)
	c.deed("merges")
	c.say("Salesforce: account %s becomes part of %s, with %d deals", loser, master, len(list))
	return nil
}

// undelete takes an account or a deal out of the recycle bin.
func (c *crew) undelete(ctx context.Context) error {
	id, ok := pick(c, slices.Sorted(maps.Keys(c.past.removed[Salesforce])))
	for _, list := range c.past.cascade {
		ok = ok && !slices.Contains(list, id) // it comes with its account
	}
	if !ok {
		return nil
	}
	if _, _, err := c.byHand(ctx, map[string]any{"do": "undelete", "id": id}); err != nil {
		return err
	}
	c.past.returns(Salesforce, id)
	for _, d := range c.past.cascade[id] {
		c.past.returns(Salesforce, d)
	}
	delete(c.past.cascade, id)
	if id[:3] == "001" {
		c.accounts = append(c.accounts, id)
	}
	c.deed("records put back")
	c.say("Salesforce: %s is put back", id)
	return nil
}

// restore takes an item out of the archive or the bin: one that somebody had removed, or one that went with its record,
// which is there again.
func (c *crew) restore(ctx context.Context) error {
	list := slices.Sorted(maps.Keys(c.past.removed[Monday]))
	for _, id := range slices.Sorted(maps.Keys(c.past.returned)) {
		if n := len(c.past.partners[id]); n > 0 && id[:1] == "0" {
			list = append(list, c.past.partners[id][n-1])
		}
	}
	id, ok := pick(c, list)
	if !ok {
		return nil
	}
	if _, _, err := c.settled(ctx, "/monday/item-state", map[string]any{"item_id": id, "state": "active"}); err != nil {
		return err
	}
	c.past.returns(Monday, id)
	c.deed("items put back")
	c.say("monday: %s is put back", id)
	return nil
}

// misspell has somebody mistake the stage of a deal: with a value that no table lists in Salesforce, or with a label that
// is made for it in monday, where it is not to be edited.
func (c *crew) misspell(ctx context.Context) error {
	if c.rand.IntN(2) == 0 {
		id, ok, err := c.record(ctx, "Opportunity", " WHERE StageName != '"+won+"'")
		if _, before := c.past.won[id]; !ok || before || !c.past.begun[id] {
			return err
		}
		c.deed("stages mistyped in Salesforce")
		return c.set(ctx, "Opportunity", id, "StageName", "Negotiation/Reveiw")
	}
	x, ok, err := c.couple(ctx, &deals)
	if !ok || !c.drifts(x.item, "stage") {
		return err
	}
	label, _ := pick(c, []string{"Wno", "Opne", "Lots"})
	key := c.key()
	_, _, err = c.insist(ctx, func(ctx context.Context) error {
		return c.people.Label(ctx, key, c.boards["Deals"], x.item, "stage", label)
	})
	c.counted(Monday, 1, err)
	if err == nil {
		c.deed("stages mistyped in monday")
		c.say("monday: %s.stage = %s, a new label", x.item, label)
	}
	return wrap(err)
}

// many adds requests by one call.
func (c *crew) many(ctx context.Context) error {
	names := make([]string, 20+c.rand.IntN(40))
	for i := range names {
		names[i] = c.prose("request", 255)
	}
	key, ids := c.key(), []string(nil)
	began, ended, err := c.insist(ctx, func(ctx context.Context) (err error) {
		ids, err = c.people.AddAll(ctx, key, c.boards["Requests"], names)
		return err
	})
	if err != nil {
		return wrap(err)
	}
	c.countedRows(Monday, len(ids))
	for i, id := range ids {
		c.past.makes(Monday, "Requests", id)
		c.past.did(&requests, Monday, id, "name", names[i], began, ended)
	}
	c.deed("requests made at once")
	c.say("monday: %d requests are made at once", len(ids))
	return nil
}

// load adds accounts by Bulk API 2.0.
func (c *crew) load(ctx context.Context) error {
	ids, err := c.loadAccounts(ctx, c.rand.IntN)
	c.accounts = append(c.accounts, ids[:min(5, len(ids))]...)
	return err
}

// loadAccounts adds as many accounts as the storm is long for, and gives the ids of those that were taken.
func (s *storm) loadAccounts(ctx context.Context, intN func(int) int) (ids []string, err error) {
	seconds := int(s.cfg.For.Seconds()) / s.cfg.Slower
	rows, taken, names := [][]string{}, []string{}, map[string]string{}
	for range min(seconds, 200) + intN(2*seconds) {
		name := s.past.word("loaded")
		names[tokenOf(name)] = name
		rows = append(rows, []string{name, "Energy"})
	}
	began := time.Now()
	job := ""
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) (err error) {
			job, err = s.people.OpenJob(ctx, "Account")
			return err
		},
		func(ctx context.Context) error { return s.people.Upload(ctx, job, []string{"Name", "Industry"}, rows) },
		func(ctx context.Context) error { return s.people.CloseJob(ctx, job) },
		func(ctx context.Context) error { return s.people.JobDone(ctx, job) },
	} {
		if _, _, err := s.insist(ctx, step); err != nil && !refused(err) { // refused is what an earlier try has done
			return nil, fmt.Errorf("load accounts: %w", err)
		}
	}
	_, ended, err := s.insist(ctx, func(ctx context.Context) error {
		list, err := s.people.Query(ctx, "SELECT Id, Name FROM Account WHERE Name LIKE 'loaded %' ORDER BY Id")
		ids, taken = nil, nil
		for _, r := range list {
			if name := names[tokenOf(text(r["Name"]))]; name != "" {
				ids, taken = append(ids, text(r["Id"])), append(taken, name)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.countedRows(Salesforce, len(ids))
	for i, id := range ids {
		s.past.makes(Salesforce, "Account", id)
		s.past.did(&clients, Salesforce, id, "Name", taken[i], began, ended)
	}
	s.deed("loads")
	s.say("Salesforce: %d of %d accounts are loaded", len(ids), len(rows))
	return ids, nil
}
