package storm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/cmd/accord/internal/people"
)

// judge looks at both vendors, through their APIs only, and holds what it sees against what people did.
type judge struct {
	*storm
	records map[string]map[string]map[string]any // by table and id: what Salesforce holds
	items   map[string]map[string]people.Item    // by board and id: the active items
	owners  map[string]string                    // names on the board, by Salesforce's user id
}

func (s *storm) judge(ctx context.Context) error {
	j := &judge{storm: s, records: map[string]map[string]map[string]any{}, items: map[string]map[string]people.Item{}, owners: map[string]string{}}
	if err := j.look(ctx); err != nil {
		return fmt.Errorf("look at the vendors: %w", err)
	}
	for _, o := range objects {
		j.paired(o)
		for id, r := range j.records[o.table[Salesforce]] {
			if item, ok := j.items[o.table[Monday]][text(r["Monday_Item_Id__c"])]; ok {
				s.report.Pairs++
				s.past.coupled(id, item.ID)
				for i := range o.fields {
					j.field(o, &o.fields[i], id, r, item)
				}
			}
		}
	}
	j.removals()
	if err := j.occurrences(ctx); err != nil {
		return err
	}
	j.lives()
	for i := range j.past.edits {
		j.economical(&j.past.edits[i])
	}
	j.bounded()
	return nil
}

func (j *judge) look(ctx context.Context) error {
	emails := map[string]string{}
	var there struct {
		Users []struct{ Name, Email string }
	}
	if err := j.people.GraphQL(ctx, "", `{ users(limit: 200) { name email } }`, nil, &there); err != nil {
		return err
	}
	for _, u := range there.Users {
		emails[strings.ToLower(u.Email)] = u.Name
	}
	rows, err := j.people.Query(ctx, "SELECT Id, Email FROM User")
	if err != nil {
		return err
	}
	for _, r := range rows {
		j.owners[text(r["Id"])] = emails[strings.ToLower(text(r["Email"]))]
	}
	for _, o := range objects {
		rows, err := j.people.Query(ctx, o.query())
		if err != nil {
			return err
		}
		j.records[o.table[Salesforce]] = map[string]map[string]any{}
		for _, r := range rows {
			j.records[o.table[Salesforce]][text(r["Id"])] = r
		}
		board, err := j.people.Board(ctx, o.table[Monday])
		if err != nil {
			return err
		}
		items, err := j.people.Items(ctx, board)
		if err != nil {
			return err
		}
		j.items[o.table[Monday]] = map[string]people.Item{}
		for _, i := range items {
			j.items[o.table[Monday]][i.ID] = i
		}
	}
	return nil
}

// paired: each record that must have a partner has it, and nothing has two.
func (j *judge) paired(o *object) {
	byKey, byItem := map[string]string{}, map[string]string{}
	for _, i := range sorted(j.items[o.table[Monday]]) {
		item := j.items[o.table[Monday]][i]
		key := item.Values["salesforce_id"]
		if other := byKey[key]; other != "" && key != "" {
			j.complain("no duplicates: items %s and %s of %s are both of record %s", other, i, o.table[Monday], key)
		}
		byKey[key] = i
		record, there := j.records[o.table[Salesforce]][key]
		switch {
		case there && text(record["Monday_Item_Id__c"]) != i:
			j.complain("agreement: item %s names record %s, which names item %q", i, key, record["Monday_Item_Id__c"])
		case !there && o == &requests && !j.past.isRemoved(Salesforce, key):
			j.complain("agreement: request %s (%s) has no case; its key is %q", i, item.Name, key)
		}
	}
	for _, id := range sorted(j.records[o.table[Salesforce]]) {
		r := j.records[o.table[Salesforce]][id]
		item := text(r["Monday_Item_Id__c"])
		if other := byItem[item]; other != "" && item != "" {
			j.complain("no duplicates: records %s and %s of %s both name item %s", other, id, o.table[Salesforce], item)
		}
		byItem[item] = id
		must := o == &clients || o == &deals && text(r["StageName"]) == won
		if _, there := j.items[o.table[Monday]][item]; !there && must && !j.past.isRemoved(Monday, item) {
			j.complain("agreement: %s %s (%s) has no item; it names %q", o.table[Salesforce], id, text(r["Name"]), item)
		}
	}
	names := map[string]string{}
	for _, i := range sorted(j.items[o.table[Monday]]) {
		name := j.items[o.table[Monday]][i].Name
		if t := tokenOf(name); t != "" && names[t] != "" {
			j.complain("no duplicates: items %s and %s of %s are both called %s", names[t], i, o.table[Monday], name)
		} else if t != "" {
			names[t] = i
		}
	}
}

// field judges one field of one pair.
func (j *judge) field(o *object, f *field, id string, record map[string]any, item people.Item) {
	left, right := text(record[f.native[Salesforce]]), item.Values[f.native[Monday]]
	if f.native[Monday] == "name" {
		right = item.Name
	}
	means := func(v string) string {
		if f.means == nil {
			return v
		}
		return f.means(j, v)
	}
	what := fmt.Sprintf("%s of %s %s and item %s", f.native[Monday], o.table[Salesforce], id, item.ID)
	edits := j.past.of(o, f, [2]string{id, item.ID})
	if f.owner != byEither {
		if j.unreadable(f, left) {
			return
		}
		if means(left) != right {
			j.complain("agreement: %s is %q in Salesforce, which should read %q, and %q in monday; edits: %s%s", what, left, means(left), right, told(edits), j.heard(edits))
		}
		j.owned(what, f, edits, [2]string{left, right}, means)
		return
	}
	if left == right {
		j.stands(what, f, edits, left, id, item.ID)
		return
	}
	if f.rule != hold {
		j.complain("agreement: %s is %q in Salesforce and %q in monday; edits: %s%s", what, left, right, told(edits), j.heard(edits))
		return
	}
	// A held conflict: each side must show an edit that nothing later on that side has replaced.
	for sd, v := range [2]string{left, right} {
		if last := lastOn(edits, Vendor(sd)); last != nil && last.value != v && !j.replaced(f, last, edits) {
			j.complain("no lost edit: %s is held, and the last edit on the %s side, %q, became %q", what, Vendor(sd), last.value, v)
		}
	}
}

// unreadable says whether a value of Salesforce's has no meaning on the board, so that what stood there stays: one that is
// in no table, or an account that is not there.
func (j *judge) unreadable(f *field, value string) bool {
	switch f.native[Salesforce] {
	case "StageName":
		return labels[value] == ""
	case "AccountId":
		return value != "" && j.records["Account"][value] == nil
	}
	return false
}

// replaced says whether an edit may have given way to any later one.
func (j *judge) replaced(f *field, e *edit, edits []edit) bool {
	if j.blind(e) {
		return true
	}
	for i := range edits {
		if edits[i].n != e.n && edits[i].ended.After(e.began) {
			return true
		}
	}
	return false
}

// owned: what the owner's people wrote last stands on their side.
func (j *judge) owned(what string, f *field, edits []edit, shown [2]string, means func(string) string) {
	from := Salesforce
	if f.owner == byMonday {
		from = Monday
	}
	last := lastOn(edits, from)
	if last == nil {
		return
	}
	want, have := last.value, shown[from]
	if from == Salesforce && f.means != nil {
		want, have = means(want), means(have)
	}
	if want != have {
		j.complain("ownership: %s was last edited by its owner, on the %s side, to %q, and is %q there", what, from, last.value, shown[from])
	}
}

func lastOn(edits []edit, sd Vendor) (last *edit) {
	for i := range edits {
		if edits[i].side == sd {
			last = &edits[i]
		}
	}
	return last
}

// grain is how far two vendors' times may be apart for one moment: Salesforce tells whole seconds.
const grain = 1500 * time.Millisecond

// stands: a value that both sides agreed on is an edit that the contract's rule lets stand over each other one.
func (j *judge) stands(what string, f *field, edits []edit, value, record, item string) {
	final := slices.IndexFunc(edits, func(e edit) bool { return e.value == value })
	if final < 0 {
		if len(edits) > 0 || value != "" {
			j.complain("no lost edit: %s is %q, which nobody wrote; edits: %s", what, value, told(edits))
		}
		return
	}
	last := &edits[final]
	for i := range edits {
		e := &edits[i]
		if i == final || !e.began.After(last.ended.Add(grain)) {
			continue // the one that stands is as late, or later
		}
		loses := f.rule == salesforceWins && last.side == Salesforce && e.side == Monday || f.rule == mondayWins && last.side == Monday && e.side == Salesforce
		if loses && j.wrote(last.value, e.side, e.began, time.Time{}) {
			continue // they met, and the rule decided
		}
		if j.blind(e) {
			j.report.Excused++
			continue
		}
		j.complain("no lost edit: %s: %q, written on the %s side at %s, was lost to the earlier %q; edits: %s%s", what, e.value, e.side, j.moment(e.began), value, told(edits), j.heard(edits))
	}
}

// wrote says whether accord sent a text to a side within a span; a zero end is any time later.
func (j *judge) wrote(value string, to Vendor, from, until time.Time) bool {
	for _, p := range j.ear.passings(tokenOf(value)) {
		if !p.told && p.to == to && !p.at.Before(from) && (until.IsZero() || p.at.Before(until)) {
			return true
		}
	}
	return false
}

const (
	// notice is how long accord may take to store what it was told, on a busy machine.
	notice = 3 * time.Second
	// onTheWay is how long a write may be under way: the longest delay of a fault, and some.
	onTheWay = 2 * time.Second
)

// blind says whether something was written over an edit before accord could know of it: vendors offer no way to write
// only where nothing changed. What was overheard decides.
func (j *judge) blind(e *edit) bool {
	known := j.known(e)
	for _, other := range j.past.edits {
		if other.n == e.n || other.field == "" || tokenOf(other.value) == "" {
			continue
		}
		if !j.rival(e, &other) {
			continue
		}
		if j.wrote(other.value, e.side, e.began.Add(-onTheWay), known) {
			return true
		}
	}
	return false
}

// rival says whether an edit is of the same field of the same pair.
func (j *judge) rival(e, other *edit) bool {
	if e.object != other.object {
		return false
	}
	o := e.object
	for i := range o.fields {
		f := &o.fields[i]
		if f.native[e.side] != e.field || f.native[other.side] != other.field {
			continue
		}
		if e.side == other.side {
			return e.id == other.id
		}
		record, item := e.id, other.id
		if e.side == Monday {
			record, item = other.id, e.id
		}
		return slices.Contains(j.past.partners[record], item) || text(j.records[o.table[Salesforce]][record]["Monday_Item_Id__c"]) == item
	}
	return false
}

// known is when accord surely knew of an edit: it was told, and lived long enough to store it.
func (j *judge) known(e *edit) time.Time {
	for _, p := range j.ear.passings(tokenOf(e.value)) {
		if p.told && p.to == e.side && !p.at.Before(e.began) && !j.down(p.at, p.at.Add(notice)) {
			return p.at.Add(notice)
		}
	}
	return time.Time{}
}

// removals: what people removed is gone on the other side where the contract says so, but for what somebody was at work
// on there, and nowhere else.
func (j *judge) removals() {
	for _, i := range sorted(j.items["Deals"]) {
		if key := j.items["Deals"][i].Values["salesforce_id"]; j.past.isRemoved(Salesforce, key) && !j.atWork(Monday, i, j.past.removed[Salesforce][key]) {
			j.complain("agreement: deal %s was removed, and its item %s is still there", key, i)
		}
	}
	for _, id := range sorted(j.records["Case"]) {
		if item := text(j.records["Case"][id]["Monday_Item_Id__c"]); j.past.isRemoved(Monday, item) && !j.atWork(Salesforce, id, j.past.removed[Monday][item]) {
			j.complain("agreement: request %s was removed, and its case %s is still there", item, id)
		}
	}
	for _, e := range j.past.edits {
		if e.side != Salesforce || j.past.isRemoved(Salesforce, e.id) {
			continue
		}
		if _, ok := j.records[e.object.table[Salesforce]][e.id]; !ok && e.object != &requests && j.past.merged[e.id] == "" {
			j.complain("ownership: %s %s is gone, and nobody removed it", e.object.table[Salesforce], e.id)
		}
	}
}

// atWork says whether somebody on a side edited a record, and that may not have crossed when its partner was removed, for
// writes are repeated for a while: a person decides about such a one.
func (j *judge) atWork(sd Vendor, id string, removed time.Time) bool {
	for i := range j.past.edits {
		e := &j.past.edits[i]
		if e.side != sd || e.id != id {
			continue
		}
		if e.ended.After(removed.Add(-3 * time.Minute)) {
			return true
		}
		if tokenOf(e.value) != "" && !j.wrote(e.value, sd.other(), e.began, removed) && lastOn(j.past.on(e), sd).n == e.n {
			return true
		}
	}
	return false
}

// occurrences: each deal that was won has one task and one comment, and no other has any.
func (j *judge) occurrences(ctx context.Context) error {
	rows, err := j.people.Query(ctx, "SELECT Id, WhatId, Subject FROM Task")
	if err != nil {
		return err
	}
	tasks := map[string]int{}
	for _, r := range rows {
		tasks[text(r["WhatId"])]++
	}
	j.report.Wins = len(j.past.won)
	for _, id := range sorted(tasks) {
		if _, ok := j.past.won[id]; !ok || tasks[id] > 1 {
			j.complain("triggers: %s has %d tasks; won: %v", id, tasks[id], ok)
		}
	}
	for _, id := range sorted(j.past.won) {
		r, ok := j.records["Opportunity"][id]
		if !ok {
			continue // removed since, by people or the judges of agreement know why
		}
		if tasks[id] == 0 {
			j.complain("triggers: %s was won, and has no task", id)
		}
		item, ok := j.items["Deals"][text(r["Monday_Item_Id__c"])]
		if ok && len(item.Updates) != 1 {
			j.complain("triggers: %s was won, and its item %s has the comments %q", id, item.ID, item.Updates)
		}
	}
	for _, i := range sorted(j.items["Deals"]) {
		item := j.items["Deals"][i]
		if _, ok := j.past.won[item.Values["salesforce_id"]]; !ok && len(item.Updates) > 0 {
			j.complain("triggers: %s was not won, and its item has the comments %q", item.Values["salesforce_id"], item.Updates)
		}
	}
	return nil
}

func (j *judge) label(v string) string { return labels[v] }

func (j *judge) colleague(v string) string { return j.owners[v] }

func (j *judge) itemOf(v string) string {
	return text(j.records["Account"][v]["Monday_Item_Id__c"])
}

// number is a number without what does not count.
func (j *judge) number(v string) string {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return v
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func (j *judge) moment(at time.Time) string { return fmt.Sprintf("%.3f", at.Sub(j.began).Seconds()) }

func told(edits []edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "[%s %q %s-%s]", e.side, e.value, e.began.Format("05.000"), e.ended.Format("05.000"))
	}
	return b.String()
}

// heard tells when the texts of edits passed to and from accord.
func (j *judge) heard(edits []edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "\n    %s:", e.value)
		for _, p := range j.ear.passings(tokenOf(e.value)) {
			arrow := "->"
			if p.told {
				arrow = "<-"
			}
			fmt.Fprintf(&b, " %s%s%s", p.at.Format("05.000"), arrow, p.to)
		}
	}
	return b.String()
}

func sorted[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
