package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

func TestCarriedOut(t *testing.T) {
	native := func(names ...string) (list []contract.NativeField) {
		for _, n := range names {
			list = append(list, contract.NativeField{Name: n})
		}
		return list
	}
	o := &object{Object: &binding.Object{Object: &contract.Object{Fields: []*contract.Field{
		{Name: "amount", Ends: [2][]contract.NativeField{native("Amount"), native("amount")}},
		{Name: "step", Ends: [2][]contract.NativeField{native("Step"), native("step")}},
		{Name: "period", Ends: [2][]contract.NativeField{native("Start", "End"), native("from", "to")}},
		{Name: "note", Ends: [2][]contract.NativeField{native("Note"), native("note")}},
	}}}}
	texts := func(pairs ...string) record.Fields {
		f := record.Fields{}
		for i := 0; i < len(pairs); i += 2 {
			f[pairs[i]] = record.OfText(pairs[i+1])
		}
		return f
	}
	update := ledger.Intent{Op: record.Update, Fields: texts("amount", "20", "step", " call  ann", "from", "1", "to", "2")}
	keyed := update
	keyed.Key = "L1"
	all := texts("amount", "20", "step", "call ann", "from", "1", "to", "2", "note", "theirs")
	for _, c := range []struct {
		name    string
		in      ledger.Intent
		shown   record.Record
		done    bool
		stored  record.Fields
		carried [2][]string // none = all
	}{
		{"all, as the vendor spells it", update, record.Record{Fields: all}, true, texts("amount", "20", "step", "call ann", "from", "1", "to", "2"), [2][]string{}},
		{"nothing", update, record.Record{Fields: texts("amount", "10", "step", "", "from", "", "to", "")}, false, record.Fields{}, [2][]string{}},
		{"edited since in one field", update, record.Record{Fields: texts("amount", "4711", "step", "call ann", "from", "1", "to", "2")}, true,
			texts("step", "call ann", "from", "1", "to", "2"), [2][]string{{"Step", "Start", "End"}, {"step", "from", "to"}}},
		{"half of a field", update, record.Record{Fields: texts("amount", "10", "step", "", "from", "1", "to", "7")}, false, texts("from", "1"), [2][]string{}},
		{"a field that is not shown", update, record.Record{Fields: texts("amount", "20")}, true, texts("amount", "20"), [2][]string{{"Amount"}, {"amount"}}},
		{"its link is not there", keyed, record.Record{Fields: all}, false, record.Fields{}, [2][]string{}},
		{"its link is there", keyed, record.Record{Key: "L1", Fields: all}, true, texts("amount", "20", "step", "call ann", "from", "1", "to", "2"), [2][]string{}},
		{"gone", update, record.Record{State: record.Deleted, Fields: all}, false, record.Fields{}, [2][]string{}},
		{"deleted", ledger.Intent{Op: record.Delete}, record.Record{State: record.Archived}, true, record.Fields{}, [2][]string{}},
		{"not deleted", ledger.Intent{Op: record.Delete}, record.Record{}, false, record.Fields{}, [2][]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, done := o.carriedOut(record.Right, c.in, c.shown)
			if done != c.done {
				t.Fatalf("done: %v", done)
			}
			if d := cmp.Diff(c.stored, out.Stored); d != "" {
				t.Errorf("stored (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.carried, out.Carried); c.done && d != "" {
				t.Errorf("carried (-want +got):\n%s", d)
			}
		})
	}
}
