package simulation

import (
	"time"

	"accord/engine/record"
)

// bot is the user whom somebody else's automation acts for.
const bot = "905"

// automate has an automation on one side keep two records' field at a value of its own: whatever is written there through
// the port, it changes back a moment later.
func (w *world) automate() {
	if !w.met(Automation) {
		return
	}
	const table, field = "Deals", "amount"
	value := record.Value{}
	if v, err := record.OfDecimal("4711"); err == nil {
		value = v
	}
	system := w.systems[record.Right]
	system.Subscribe(func(changed, id string) {
		r, ok := w.find(record.Right, table, id)
		if w.quiet.Load() || changed != table || !ok || r.State != record.Live || id != "mdDeals000001" && id != "mdDeals000002" {
			return
		}
		if r.Actor != "accord" || r.Changed[field] != r.Version || r.Fields[field].Equal(value) {
			return
		}
		after := w.between("automation", time.Second, 6*time.Second)
		w.late.Go(func() {
			time.Sleep(after)
			now, ok := w.find(record.Right, table, id)
			if w.quiet.Load() || !ok || now.State != record.Live || now.Fields[field].Equal(value) {
				return
			}
			w.strike(Automation)
			system.EditAs(bot, table, id, record.Fields{field: value})
			w.did(record.Right, table, id, record.Update, record.Live, record.Fields{field: value})
			w.trace.add("the automation sets %s of %s back", field, id)
		})
	})
}
