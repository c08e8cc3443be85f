package storm

import (
	"regexp"
	"sync"
	"time"
)

// token is what every text that people write holds, once in all the storm: it tells which edit a text is of, wherever it
// is seen.
var token = regexp.MustCompile(`z[0-9]{5}z`)

// tokenOf is the token in a text; "" where there is none.
func tokenOf(text string) string { return token.FindString(text) }

// Vendor is one of the two.
type Vendor uint8

// Both vendors.
const (
	Salesforce Vendor = iota
	Monday
)

func (v Vendor) other() Vendor { return 1 - v }

func (v Vendor) String() string { return [2]string{"Salesforce", "monday"}[v] }

// passing is a token that went between accord and a vendor.
type passing struct {
	at   time.Time
	told bool // to accord; else by accord
	to   Vendor
}

// Ear listens in on what passes between accord and the vendors. It is safe for concurrent use.
type Ear struct {
	mu      sync.Mutex
	seen    map[string][]passing
	sends   map[string][]*call // by token: the calls in which accord wrote it
	writing [2][]*call         // all calls in which accord wrote, by vendor
}

func newEar() *Ear { return &Ear{seen: map[string][]passing{}, sends: map[string][]*call{}} }

// Connection listens to one connection between accord and a vendor: to what accord is told on it, and to what it says.
// Every chunk goes through Hear, before it arrives. Where the vendor is the caller, accord only answers.
func (e *Ear) Connection(v Vendor, called bool) (told, said *Stream) {
	t := &talk{mute: called}
	return &Stream{ear: e, told: true, vendor: v, talk: t}, &Stream{ear: e, vendor: v, talk: t}
}

// Stream is one direction of one connection. It is for one goroutine at a time.
type Stream struct {
	ear    *Ear
	told   bool
	vendor Vendor
	tail   []byte // of what came last: a token may come in two pieces
	talk   *talk
	part   []byte // of a message, until all of it is there
}

// Hear notes the tokens of the next chunk, and the calls that are whole with it.
func (s *Stream) Hear(chunk []byte) {
	s.listen(chunk)
	const overlap = 6 // a token less one
	text := append(s.tail, chunk...)
	found := token.FindAll(text, -1)
	s.tail = append([]byte(nil), text[max(0, len(text)-overlap):]...)
	if found == nil {
		return
	}
	now := time.Now()
	s.ear.mu.Lock()
	defer s.ear.mu.Unlock()
	for _, t := range found {
		s.ear.seen[string(t)] = append(s.ear.seen[string(t)], passing{now, s.told, s.vendor})
	}
}

// passings are all sightings of a token so far.
func (e *Ear) passings(token string) []passing {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[token][:len(e.seen[token]):len(e.seen[token])]
}
