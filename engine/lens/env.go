package lens

import "accord/engine/record"

// Env answers what a value alone can't tell: who a person is on the other side, and which record is whose partner.
// Its answers are fetched before a round; a look-up does no I/O, and the same question has the same answer all round.
type Env interface {
	// Email is the canonical e-mail address of a person of one side.
	Email(side record.Side, personID string) (email string, ok bool)
	// PersonID is the person of one side with that address who can be assigned; ok is false for inactive people.
	PersonID(side record.Side, email string) (personID string, ok bool)
	// PairOf is the pair of a record of an object.
	PairOf(object string, side record.Side, recordID string) (pairID string, ok bool)
	// RecordOf is a pair's live record on one side; ok is false while there is none.
	RecordOf(object string, side record.Side, pairID string) (recordID string, ok bool)
}

// nobody is the Env of a caller that has none: it knows nothing.
type nobody struct{}

func (nobody) Email(record.Side, string) (string, bool)            { return "", false }
func (nobody) PersonID(record.Side, string) (string, bool)         { return "", false }
func (nobody) PairOf(string, record.Side, string) (string, bool)   { return "", false }
func (nobody) RecordOf(string, record.Side, string) (string, bool) { return "", false }
