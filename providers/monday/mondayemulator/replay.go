package mondayemulator

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	replayLife  = 30 * time.Minute
	replayLimit = 1 << 20  // answers larger than this are not kept
	replayTotal = 64 << 20 // what all kept answers may take
)

// answer is a response that can be sent again.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// replays keeps the answers of mutations that came with an Idempotency-Key for thirty minutes
// (developer.monday.com, "Idempotency"). The page does not say what becomes of a key that comes
// again with another body: here the kept answer is given. Refused requests (429, 423) are not
// kept, as they were not processed; errors of the mutation itself are.
type replays struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[string]*replay
	sum int
}

type replay struct {
	answer *answer // nil while the first request is under way
	at     time.Time
}

func newReplays(now func() time.Time) *replays {
	return &replays{now: now, m: map[string]*replay{}}
}

// begin says what to do with a key: send an answer again, refuse (busy), or go on and call end.
func (r *replays) begin(key string) (again *answer, busy bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, e := range r.m {
		if e.answer != nil && now.Sub(e.at) >= replayLife {
			r.sum -= len(e.answer.body)
			delete(r.m, k)
		}
	}
	if e := r.m[key]; e != nil {
		return e.answer, e.answer == nil
	}
	r.m[key] = &replay{at: now}
	return nil, false
}

// end keeps an answer, or forgets the key where there is none to keep.
func (r *replays) end(key string, a *answer) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if a == nil || len(a.body) > replayLimit || r.sum+len(a.body) > replayTotal {
		delete(r.m, key)
		return
	}
	r.sum += len(a.body)
	r.m[key] = &replay{answer: a, at: now}
}

// keptAnswer is an answer as the state file keeps it.
type keptAnswer struct {
	Key    string      `json:"key"`
	At     time.Time   `json:"at"`
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body"`
}

// save lists the answers that can still be sent again, by key. A request that is under way has none yet.
func (r *replays) save() []keptAnswer {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []keptAnswer
	for key, e := range r.m {
		if e.answer != nil && now.Sub(e.at) < replayLife {
			out = append(out, keptAnswer{key, e.at, e.answer.status, e.answer.header, string(e.answer.body)})
		}
	}
	slices.SortFunc(out, func(a, b keptAnswer) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func (r *replays) load(list []keptAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range list {
		header := k.Header
		if header == nil {
			header = http.Header{}
		}
		r.sum += len(k.Body)
		r.m[k.Key] = &replay{answer: &answer{status: k.Status, header: header, body: []byte(k.Body)}, at: k.At}
	}
}
