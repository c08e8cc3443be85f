package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Entry is one call to a vendor. It holds no secret and no record value.
type Entry struct {
	Seq        int64         `json:"seq"` // 1, 2, 3 ...
	At         time.Time     `json:"at"`  // to the millisecond, UTC
	Connection string        `json:"connection"`
	Operation  string        `json:"operation"`
	Initiator  string        `json:"initiator"` // the person behind the change, where the vendor tells
	Request    string        `json:"request"`   // a summary: what was asked for, never its values
	Status     int           `json:"status"`    // HTTP status, or gRPC code + 1000
	Rows       int           `json:"rows"`
	RequestID  string        `json:"request_id"` // the vendor's
	Duration   time.Duration `json:"duration"`   // to the millisecond
	Error      string        `json:"error"`
	PrevHash   string        `json:"prev_hash"` // of the entry before; "" for the first
	Hash       string        `json:"hash"`
}

// Chain puts an entry after another: it fills in Seq, PrevHash and Hash, and cuts times to what is stored. The zero
// Entry stands before the first.
func Chain(previous, next Entry) Entry {
	next.Seq = previous.Seq + 1
	next.At = next.At.UTC().Truncate(time.Millisecond)
	next.Duration = next.Duration.Truncate(time.Millisecond)
	next.PrevHash = previous.Hash
	next.Hash = Hash(next)
	return next
}

// Hash is the SHA-256, in hex, of everything in an entry but its Hash. Every part is written with its length before it,
// so that no two entries share an encoding.
func Hash(e Entry) string {
	h := sha256.New()
	var n [8]byte
	number := func(i int64) {
		binary.BigEndian.PutUint64(n[:], uint64(i))
		h.Write(n[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	text("accord audit 1")
	number(e.Seq)
	number(e.At.UnixMilli())
	text(e.Connection)
	text(e.Operation)
	text(e.Initiator)
	text(e.Request)
	number(int64(e.Status))
	number(int64(e.Rows))
	text(e.RequestID)
	number(e.Duration.Milliseconds())
	text(e.Error)
	text(e.PrevHash)
	return hex.EncodeToString(h.Sum(nil))
}

// Report is what verifying a log found.
type Report struct {
	Entries int64  // how many were read
	Last    Entry  // the newest that is sound; the zero Entry when none is
	Broken  int64  // Seq of the first entry that is not; 0 = all are
	Problem string // what is wrong with it, in words
}

// OK says whether the whole log is sound.
func (r Report) OK() bool { return r.Broken == 0 }

// Verifier checks a log entry by entry, oldest first. The zero Verifier starts at the beginning; one with Last set to
// a trusted entry starts behind it.
type Verifier struct{ Report }

// Add checks the next entry, and says whether the log is still sound. After a broken entry nothing more is checked.
func (v *Verifier) Add(e Entry) bool {
	if !v.OK() {
		return false
	}
	v.Entries++
	switch {
	case e.Seq != v.Last.Seq+1:
		v.Problem = fmt.Sprintf("entry %d follows entry %d: what was between them is missing", e.Seq, v.Last.Seq)
	case e.PrevHash != v.Last.Hash:
		v.Problem = fmt.Sprintf("entry %d names another entry before it than entry %d", e.Seq, v.Last.Seq)
	case e.Hash != Hash(e):
		v.Problem = fmt.Sprintf("entry %d was changed after it was written", e.Seq)
	default:
		v.Last = e
		return true
	}
	v.Broken = max(e.Seq, 1)
	return false
}
