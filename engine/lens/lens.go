package lens

import (
	"slices"
	"strings"

	"accord/engine/contract"
	"accord/engine/record"
)

// A Lens carries one contract field between the native values of both sides and its canonical value. It is immutable
// and safe for use by several goroutines.
type Lens struct {
	subject
	codec codec
}

// subject is what every codec knows: the field, and the shapes of its native fields.
type subject struct {
	field  *contract.Field
	shapes [2][]record.Shape
}

// codec is the part of a lens that differs from kind to kind. Empty values are dealt with before it is asked, unless it
// says that they mean something.
type codec interface {
	// kind of the canonical values.
	kind() record.Kind
	get(s record.Side, native []record.Value, env Env) (record.Value, error)
	// put gets a canonical value of its kind; previous has the right length, or is nil.
	put(s record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error)
	// key is equal for canonical values of its kind that both sides together can't tell apart.
	key(canonical record.Value) string
}

// Natives are the native field names of one side, in the order in which Get takes and Put gives their values.
func (l *Lens) Natives(side record.Side) []string {
	names := make([]string, len(l.field.Ends[side&1]))
	for i, n := range l.field.Ends[side&1] {
		names[i] = n.Name
	}
	return names
}

// Field is the contract field that this lens carries.
func (l *Lens) Field() *contract.Field { return l.field }

// Kind is the kind of the canonical values.
func (l *Lens) Kind() record.Kind { return l.codec.kind() }

// Get is the canonical value of what one side holds. Its error is always a *Rejection.
func (l *Lens) Get(side record.Side, native []record.Value, env Env) (record.Value, error) {
	side &= 1
	if want := len(l.field.Ends[side]); len(native) != want {
		return record.Value{}, l.reject(WrongKind, side, "", "has another number of values than the contract names fields", "")
	}
	if !l.meansNothing() && allEmpty(native) {
		return record.Value{}, nil
	}
	if env == nil {
		env = nobody{}
	}
	return l.codec.get(side, native, env)
}

// Put is what one side must hold so that it means canonical, where it holds previous now; nil previous is a record that
// is yet to be created. What previous holds already is kept, whole: the long text whose beginning is all the other side
// has room for, the stage whose label is meant. Its error is always a *Rejection.
func (l *Lens) Put(side record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error) {
	side &= 1
	n := len(l.field.Ends[side])
	if len(previous) != n {
		previous = nil
	}
	if !canonical.IsEmpty() && canonical.Kind() != l.Kind() {
		return nil, l.reject(WrongKind, side, canonical.String(),
			"is carried as "+l.Kind().String()+", and was given "+canonical.Kind().String(), "")
	}
	if env == nil {
		env = nobody{}
	}
	if previous != nil {
		if now, err := l.Get(side, previous, env); err == nil && l.Same(now, canonical) {
			return slices.Clone(previous), nil
		}
	}
	native := make([]record.Value, n)
	if !canonical.IsEmpty() || l.meansNothing() {
		var err error
		if native, err = l.codec.put(side, canonical, previous, env); err != nil {
			return nil, err
		}
	}
	for i, v := range native {
		if v.IsEmpty() && l.shapes[side][i].Required {
			return nil, l.reject(Required, side, "",
				"is empty, and "+system(side)+" "+l.field.Ends[side][i].Name+" must hold something",
				"fill it in at "+system(side.Other()))
		}
	}
	return native, nil
}

// meansNothing says whether the codec is asked about empty values too: nothing is false, and an amount of nothing still
// has a currency.
func (l *Lens) meansNothing() bool { return l.Kind() == record.Bool || l.field.Currency != "" }

// Key is the same text for canonical values that this lens can't tell apart once both sides have held them, as two
// stages of one label. It serves to compare, and to match records that never met; it is not for people.
func (l *Lens) Key(canonical record.Value) string {
	if canonical.Kind() == l.Kind() || l.Kind() == record.Bool && canonical.IsEmpty() {
		return l.codec.key(canonical)
	}
	if canonical.IsEmpty() {
		return ""
	}
	return canonical.Kind().String() + "\x00" + strings.Join(canonical.Parts(), "\x00")
}

// Same says whether two canonical values mean the same to this field.
func (l *Lens) Same(a, b record.Value) bool { return a.Equal(b) || l.Key(a) == l.Key(b) }

// IsRequired says whether a side has a native field of this lens that can't be empty.
func (l *Lens) IsRequired(side record.Side) bool {
	return slices.ContainsFunc(l.shapes[side&1], func(s record.Shape) bool { return s.Required })
}

// reject makes a rejection; detail goes on after the field's name. The value of a sensitive field is not told.
func (j *subject) reject(reason string, side record.Side, value, detail, remedy string) *Rejection {
	if value != "" && j.field.Sensitive != "" {
		value = Redacted
	}
	return &Rejection{Reason: reason, Field: j.field.Name, Side: side, Value: value, Detail: detail, Remedy: remedy}
}

// show quotes a value for a message, and hides that of a sensitive field.
func (j *subject) show(value string) string {
	if j.field.Sensitive != "" {
		return Redacted
	}
	return quote(value)
}

// isLossy says whether the contract accepts a loss.
func (j *subject) isLossy(loss string) bool { return slices.Contains(j.field.Lossy, loss) }

// native names a side's native field for a message: "monday stage".
func (j *subject) native(s record.Side, i int) string {
	return system(s) + " " + j.field.Ends[s][i].Name
}

func (j *subject) wrongKind(s record.Side, v record.Value) *Rejection {
	return j.reject(WrongKind, s, v.String(),
		"shows "+v.Kind().String()+" in "+system(s)+", where "+j.shapes[s][0].Kind.String()+" was described",
		"plan again: the field may have been given another type")
}

func allEmpty(vs []record.Value) bool {
	for _, v := range vs {
		if !v.IsEmpty() {
			return false
		}
	}
	return true
}
