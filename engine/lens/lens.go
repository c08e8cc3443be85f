package lens

import (
	"accord/engine/contract"
	"accord/engine/record"
)

// A Lens carries one contract field between the native values of both sides and its canonical value. It is immutable
// and safe for use by several goroutines.
type Lens struct {
	field  *contract.Field
	shapes [2][]record.Shape
}

// New makes the lens of a field whose native fields have the given shapes, in the order of f.Ends. It refuses pairs
// that can't be carried, and those that lose something of their values unless f.Lossy names the loss.
func New(f *contract.Field, shapes [2][]record.Shape) (*Lens, []Problem) {
	return &Lens{field: f, shapes: shapes}, nil
}

// Natives are the native field names of one side, in the order in which Get takes and Put gives their values.
func (l *Lens) Natives(side record.Side) []string {
	names := make([]string, len(l.field.Ends[side]))
	for i, n := range l.field.Ends[side] {
		names[i] = n.Name
	}
	return names
}

// Get is the canonical value of what one side holds. Its error is always a *Rejection.
func (l *Lens) Get(side record.Side, native []record.Value, env Env) (record.Value, error) {
	return record.Value{}, &Rejection{Reason: WrongKind}
}

// Put is what one side must hold so that it means canonical, where it holds previous now; nil previous is a record that
// is yet to be created. What previous holds already is kept. Its error is always a *Rejection.
func (l *Lens) Put(side record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error) {
	return nil, &Rejection{Reason: WrongKind}
}

// Key is the same text for canonical values that this lens can't tell apart once both sides have held them, as two
// stages of one label. It serves to compare, and to match records that never met; it is not for people.
func (l *Lens) Key(canonical record.Value) string { return "" }

// Same says whether two canonical values mean the same to this field.
func (l *Lens) Same(a, b record.Value) bool { return l.Key(a) == l.Key(b) }

// IsRequired says whether a side has a native field of this lens that can't be empty.
func (l *Lens) IsRequired(side record.Side) bool {
	for _, s := range l.shapes[side] {
		if s.Required {
			return true
		}
	}
	return false
}

// Check finds the problems of all fields of a contract whose native types are known without asking a vendor. A field
// with an end whose shape shapeOf does not know is left to the plan.
func Check(c *contract.Contract, shapeOf func(system string, nf contract.NativeField) (record.Shape, bool)) []Problem {
	return nil
}
