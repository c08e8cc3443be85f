package plan

import (
	"errors"

	"accord/engine/binding"
	"accord/engine/record"
)

// errEnough stops a listing that has given what a sample needs.
var errEnough = errors.New("enough")

func isEnough(err error) bool { return errors.Is(err, errEnough) }

// env is what lenses may look up during a forecast.
type env struct {
	*forecaster
	object *binding.Object
}

func (f *forecaster) env(o *binding.Object) env { return env{f, o} }

// Email is a person's address.
func (e env) Email(side record.Side, id string) (string, bool) {
	return e.directory.Email(e.object.Ends[side].Connection, id)
}

// PersonID is the user with an address.
func (e env) PersonID(side record.Side, email string) (string, bool) {
	return e.directory.PersonID(e.object.Ends[side].Connection, email)
}

// PairOf is the pair a record belongs to.
func (e env) PairOf(object string, side record.Side, id string) (string, bool) {
	if e.pairOf[object] == nil {
		return "", false
	}
	pair, ok := e.pairOf[object][side][id]
	return pair, ok
}

// RecordOf is a pair's record on a side, or the promise of one.
func (e env) RecordOf(object string, side record.Side, pair string) (string, bool) {
	if e.recordOf[object] == nil {
		return "", false
	}
	id, ok := e.recordOf[object][side][pair]
	return id, ok
}
