package salesforceemulator

import (
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// locatorLife is how long a query result waits for its next page.
const locatorLife = 15 * time.Minute

// maxLocators is how many open results are kept; the oldest go first.
const maxLocators = 100

// locatorStore keeps query results between pages.
type locatorStore struct {
	mu    sync.Mutex
	clock func() time.Time
	next  uint64
	open  map[string]*openResult
}

type openResult struct {
	res  *org.Result
	user string
	used time.Time
	n    uint64
}

func (l *locatorStore) put(res *org.Result, user string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*openResult{}
	}
	l.next++
	id := sfid.Make("01g", "gL0", l.next)
	l.open[id] = &openResult{res, user, l.clock(), l.next}
	if len(l.open) > maxLocators {
		ids := sortedKeys(l.open)
		sort.Slice(ids, func(i, j int) bool { return l.open[ids[i]].n < l.open[ids[j]].n })
		delete(l.open, ids[0])
	}
	return id
}

func (l *locatorStore) get(id, user string) (*org.Result, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.open[id]
	now := l.clock()
	if o == nil || o.user != user || now.Sub(o.used) > locatorLife {
		return nil, false
	}
	o.used = now
	return o.res, true
}

// locatorState is the open results as they are kept across restarts.
type locatorState struct {
	Next uint64       `json:"next"`
	Open []savedPages `json:"open,omitempty"`
}

type savedPages struct {
	ID     string          `json:"id"`
	User   string          `json:"user"`
	Used   time.Time       `json:"used"`
	Number uint64          `json:"number"`
	Result org.SavedResult `json:"result"`
}

// save copies the results whose next page may still be asked for.
func (l *locatorStore) save(o *org.Org) locatorState {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := locatorState{Next: l.next}
	now := l.clock()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	for _, id := range sortedKeys(l.open) {
		if r := l.open[id]; now.Sub(r.used) <= locatorLife {
			out.Open = append(out.Open, savedPages{id, r.user, r.used, r.n, r.res.Save(tx)})
		}
	}
	return out
}

// load takes up what save gave.
func (l *locatorStore) load(s locatorState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next, l.open = s.Next, map[string]*openResult{}
	for _, p := range s.Open {
		l.open[p.ID] = &openResult{p.Result.Result(), p.User, p.Used, p.Number}
	}
}

func (l *locatorStore) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = nil
}

func locatorAt(id string, from int) string { return id + "-" + strconv.Itoa(from) }

func parseLocator(s string) (id string, from int, ok bool) {
	id, n, found := strings.Cut(s, "-")
	from, err := strconv.Atoi(n)
	return id, from, found && err == nil && from >= 0
}

// pageSize reads Sforce-Query-Options: batchSize=N, 200 to 2,000; 2,000 unless told.
func pageSize(h http.Header) int {
	for part := range strings.SplitSeq(h.Get("Sforce-Query-Options"), ",") {
		if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(k, "batchSize") {
			if n, err := strconv.Atoi(v); err == nil {
				return max(200, min(2000, n))
			}
		}
	}
	return 2000
}
