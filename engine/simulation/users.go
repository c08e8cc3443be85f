package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"accord/engine/record"
)

// who names the stream of what users do now: each step has its own, so that leaving one out changes no other.
func (w *world) who() string { return fmt.Sprint("users/", w.step) }

func (w *world) user() *rand.Rand { return w.stream(w.who()) }

// text is a value that no other edit has.
func (w *world) text(what string) record.Value {
	w.serial++
	if w.met(Normalise) {
		return record.OfText(fmt.Sprintf(" %s  %d ", what, w.serial))
	}
	return record.OfText(fmt.Sprintf("%s %d", what, w.serial))
}

func (w *world) number() record.Value {
	w.serial++
	v, err := record.OfDecimal(fmt.Sprint(w.serial, ".26"))
	if err != nil {
		return record.Value{}
	}
	return v
}

// did writes what a user did into the history.
func (w *world) did(side record.Side, table, id string, op record.Op, state record.State, fields record.Fields) {
	r, _ := w.find(side, table, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	stored := fields
	if r.State == record.Live && fields != nil {
		stored = record.Fields{} // what the vendor made of it is what its users see
		for name := range fields {
			stored[name] = r.Fields[name]
		}
	}
	w.history = append(w.history, change{
		at: time.Now(), side: side, table: table, id: id, user: true, op: op, state: state, fields: stored, version: r.Version,
	})
}

func (w *world) add(side record.Side, table string, fields record.Fields) string {
	id := w.systems[side].Add(table, fields)
	w.did(side, table, id, record.Create, record.Live, fields)
	w.trace.add("user adds %s: %v", id, shownFields(fields))
	return id
}

func (w *world) edit(side record.Side, table, id string, fields record.Fields) {
	w.systems[side].Edit(table, id, fields)
	w.did(side, table, id, record.Update, record.Live, fields)
	w.trace.add("user edits %s: %v", id, shownFields(fields))
}

func (w *world) remove(side record.Side, table, id string, state record.State) {
	w.systems[side].Remove(table, id, state)
	w.did(side, table, id, record.Delete, state, nil)
	w.trace.add("user makes %s %s", id, state)
}

func shownFields(fields record.Fields) map[string]string {
	text := map[string]string{} // printed in the order of its keys
	for n, v := range fields {
		text[n] = v.String()
	}
	return text
}

// pick is a record of a table in a state.
func (w *world) pick(side record.Side, table string, state record.State) (string, bool) {
	var ids []string
	for _, r := range w.systems[side].Records(table) {
		if r.State == state {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return "", false
	}
	return ids[w.user().IntN(len(ids))], true
}

// found makes what is there before the first contract.
func (w *world) found() {
	if w.met(Bulk) {
		for range 6 {
			w.add(record.Left, "Account", record.Fields{"Name": w.text("client")})
			w.add(record.Right, "Requests", record.Fields{"name": w.text("request")})
		}
	}
	for i := range 4 {
		name := w.text("client")
		w.add(record.Left, "Account", record.Fields{"Name": name})
		if i%2 == 0 {
			w.add(record.Right, "Clients", record.Fields{"name": name})
		}
	}
	for range 6 {
		w.newDeal()
	}
	for range 2 {
		w.add(record.Right, "Requests", record.Fields{"name": w.text("request")})
	}
}

var stages = []string{"Prospecting", "Qualification", "Negotiation", "Closed Won", "Closed Won", "Closed Won"}

func (w *world) stage() record.Value {
	if w.user().IntN(25) == 0 {
		return record.OfChoice("Unheard Of")
	}
	return record.OfChoice(stages[w.user().IntN(len(stages))])
}

func (w *world) person() record.Value {
	return record.OfPerson([]string{"005A", "005B", "005A", "005B", "005A", "005B", "005C", ""}[w.user().IntN(8)])
}

func (w *world) newDeal() {
	fields := record.Fields{"Name": w.text("deal"), "StageName": w.stage(), "Amount": w.number(), "OwnerId": w.person()}
	if account, ok := w.pick(record.Left, "Account", record.Live); ok {
		fields["AccountId"] = record.OfReference(account)
	}
	w.add(record.Left, "Opportunity", fields)
}

// act is one thing that one user does.
func (w *world) act() {
	r := w.user()
	switch r.IntN(30) {
	case 0:
		w.add(record.Left, "Account", record.Fields{"Name": w.text("client")})
	case 1, 2:
		w.newDeal()
	case 3:
		w.add(record.Right, "Requests", record.Fields{"name": w.text("request")})
	case 4:
		w.change(record.Left, "Account", func() record.Fields { return record.Fields{"Name": w.text("client")} })
	case 5:
		w.change(record.Right, "Clients", func() record.Fields { return record.Fields{"health": w.text("health")} })
	case 6, 7, 8:
		w.change(record.Left, "Opportunity", w.ownEdit)
	case 9, 10:
		w.change(record.Right, "Deals", func() record.Fields { return record.Fields{"progress": w.number()} })
	case 11, 12, 13, 14:
		w.eitherEdit()
	case 15, 16:
		w.change(record.Right, "Deals", w.driftEdit)
	case 17:
		w.change(record.Right, "Requests", func() record.Fields { return record.Fields{"name": w.text("request")} })
	case 18:
		w.change(record.Left, "Case", func() record.Fields { return record.Fields{"Answer__c": w.text("answer")} })
	case 19:
		w.change(record.Right, "Requests", func() record.Fields { return record.Fields{"answer": w.text("answer")} })
	case 22, 23, 24:
		if w.met(HalfTyped) {
			w.typing()
		}
	case 27:
		if w.met(Duplicate) {
			w.duplicate()
		}
	case 25, 26:
		if w.met(Scope) {
			w.cross()
		}
	case 20, 21:
		if w.met(Removal) {
			w.removal()
		}
	default:
		if w.met(HiddenRecord) {
			w.hide()
		}
	}
}

func (w *world) change(side record.Side, table string, fields func() record.Fields) {
	if id, ok := w.pick(side, table, record.Live); ok {
		w.edit(side, table, id, fields())
	}
}

// ownEdit is an edit of what the left side owns.
func (w *world) ownEdit() record.Fields {
	switch w.user().IntN(7) {
	case 0:
		return record.Fields{"Name": w.text("deal")}
	case 1:
		return record.Fields{"Amount": w.number()}
	case 2:
		return record.Fields{"OwnerId": w.person()}
	case 3:
		return record.Fields{"Note__c": w.text("note"), "Remark__c": w.text("remark")}
	case 4:
		if account, ok := w.pick(record.Left, "Account", record.Live); ok {
			return record.Fields{"AccountId": record.OfReference(account)}
		}
		return record.Fields{"AccountId": {}}
	default:
		return record.Fields{"StageName": w.stage()}
	}
}

// eitherEdit is an edit of what both sides may edit; often the other side edits the same soon after.
func (w *world) eitherEdit() {
	names := [][2]string{{"Next_Step__c", "next_step"}, {"Plan__c", "plan"}, {"Risk__c", "risk"}}[w.user().IntN(3)]
	item, ok := w.pick(record.Right, "Deals", record.Live)
	if !ok {
		return
	}
	it, _ := w.find(record.Right, "Deals", item)
	deal, ok := w.find(record.Left, "Opportunity", it.Key)
	both := w.user().IntN(3) == 0
	first := record.Side(w.user().IntN(2))
	for i, side := range []record.Side{first, first.Other()} {
		if i == 1 && (!both || !pauseAlways(w.between(w.who(), time.Millisecond, 6*time.Second))) {
			break
		}
		value := record.Fields{names[side]: w.text(names[record.Right])}
		switch {
		case side == record.Right:
			w.edit(side, "Deals", item, value)
		case ok && deal.State == record.Live:
			w.edit(side, "Opportunity", deal.ID, value)
		}
	}
}

func pauseAlways(d time.Duration) bool {
	time.Sleep(d)
	return true
}

// driftEdit is an edit of what the other side owns.
func (w *world) driftEdit() record.Fields {
	switch w.user().IntN(4) {
	case 0:
		return record.Fields{"stage": record.OfChoice([]string{"Open", "Won", "Negotiating"}[w.user().IntN(3)])}
	case 1:
		return record.Fields{"amount": w.number()}
	case 2:
		return record.Fields{"note": w.text("note")}
	default:
		return record.Fields{"name": w.text("deal")}
	}
}

func (w *world) removal() {
	r := w.user()
	side := record.Side(r.IntN(2))
	o := objects[r.IntN(len(objects))]
	from, to := record.Live, record.Deleted
	switch r.IntN(5) {
	case 0:
		to = record.Archived
	case 1:
		from, to = record.Deleted, record.Live
	}
	if id, ok := w.pick(side, o.table[side], from); ok {
		w.strike(Removal)
		w.remove(side, o.table[side], id, to)
	}
}

func (w *world) hide() {
	r := w.user()
	side := record.Side(r.IntN(2))
	o := objects[r.IntN(len(objects))]
	from, to := record.Live, record.Missing
	if r.IntN(2) == 0 {
		from, to = to, from
	}
	if id, ok := w.pick(side, o.table[side], from); ok {
		w.strike(HiddenRecord)
		w.remove(side, o.table[side], id, to)
	}
}

// typing edits a field as somebody does who types into it: half words first, the whole one at last.
func (w *world) typing() {
	id, ok := w.pick(record.Left, "Opportunity", record.Live)
	if !ok {
		return
	}
	w.strike(HalfTyped)
	for i := range 2 + w.user().IntN(3) {
		if i > 0 {
			time.Sleep(w.between(w.who(), 500*time.Millisecond, settling*3/4))
		}
		if r, _ := w.find(record.Left, "Opportunity", id); r.State == record.Live {
			w.edit(record.Left, "Opportunity", id, record.Fields{"Brief__c": w.text("brief")})
		}
	}
}

// cross has a record leave the scope, or one come back into it. Outside, people go on editing it.
func (w *world) cross() {
	r := w.user()
	side := record.Side(r.IntN(2))
	o := objects[r.IntN(len(objects))]
	id, outside := w.pick(side, o.table[side], record.Outside)
	if !outside || r.IntN(2) == 0 {
		if id, ok := w.pick(side, o.table[side], record.Live); ok {
			w.strike(Scope)
			w.remove(side, o.table[side], id, record.Outside)
		}
		return
	}
	for i := range o.fields {
		if f := &o.fields[i]; f.unique && !f.more && f.name != "amount" && f.name != "progress" && r.IntN(6) == 0 {
			w.edit(side, o.table[side], id, record.Fields{f.native[side]: w.text(f.name)})
		}
	}
	w.strike(Scope)
	w.remove(side, o.table[side], id, record.Live)
}

// duplicate copies an item, as people do who need another one much like it: with everything that stands in it, the key
// too.
func (w *world) duplicate() {
	o := objects[w.user().IntN(len(objects))]
	table := o.table[record.Right]
	id, ok := w.pick(record.Right, table, record.Live)
	if !ok {
		return
	}
	w.strike(Duplicate)
	it, _ := w.find(record.Right, table, id)
	made := w.systems[record.Right].Copy(table, id)
	w.did(record.Right, table, made, record.Create, record.Live, it.Fields)
	w.trace.add("user copies %s: %s", id, made)
}

// show makes everything visible again.
func (w *world) show() {
	for _, o := range objects {
		for _, side := range record.Sides {
			for {
				id, ok := w.pick(side, o.table[side], record.Missing)
				if !ok {
					break
				}
				w.remove(side, o.table[side], id, record.Live)
			}
		}
	}
}
