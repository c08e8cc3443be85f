package storm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// call is one call by which accord wrote something, as it went over the wire.
type call struct {
	to       Vendor
	at       time.Time // it had left accord
	path     string
	body     []byte
	answered time.Time // the answer was there, whole; zero: none ever was
	status   int
	answer   []byte
	rows     []string // of a collection
}

// talk is what goes to and fro on one connection: answers come in the order of the calls.
type talk struct {
	mu   sync.Mutex
	mute bool // it is of no interest: accord does not call on it, or not in HTTP/1.1
	open []*call
}

// listen takes up the next chunk of one direction.
func (s *Stream) listen(chunk []byte) {
	t := s.talk
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mute {
		return
	}
	s.part = append(s.part, chunk...)
	if !s.told && len(s.part) >= 3 && string(s.part[:3]) == "PRI" {
		t.mute, s.part = true, nil // HTTP/2: the stream of events
		return
	}
	for len(s.part) > 0 {
		rest, ok := s.message(time.Now())
		if !ok {
			return
		}
		s.part = rest
	}
}

// message takes one message off the stream, once all of it is there.
func (s *Stream) message(now time.Time) (rest []byte, ok bool) {
	if !bytes.Contains(s.part, []byte("\r\n\r\n")) {
		return nil, false
	}
	from := bytes.NewReader(s.part)
	r := bufio.NewReader(from)
	left := func() []byte { return s.part[len(s.part)-from.Len()-r.Buffered():] }
	if s.told {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, false
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, false
		}
		if resp.StatusCode/100 != 1 && len(s.talk.open) > 0 {
			c := s.talk.open[0]
			s.talk.open = s.talk.open[1:]
			s.ear.answer(c, now, resp.StatusCode, body)
		}
		return left(), true
	}
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, false
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, false
	}
	c := &call{to: s.vendor, at: now, path: req.URL.Path, body: body}
	s.talk.open = append(s.talk.open, c)
	if c.writes(req.Method) {
		s.ear.wrote(c)
	}
	return left(), true
}

var mutation = regexp.MustCompile(`\b(change_[a-z_]+|create_item|create_update|archive_item|delete_item)\s*\(`)

// writes says whether a call changes records.
func (c *call) writes(method string) bool {
	if c.to == Monday {
		return mutation.Match(c.body)
	}
	return method != http.MethodGet && !strings.Contains(c.path, "/oauth") && !strings.Contains(c.path, "/query")
}

// wrote notes a call that writes.
func (e *Ear) wrote(c *call) {
	found := map[string]bool{}
	for _, t := range token.FindAll(c.body, -1) {
		found[string(t)] = true
	}
	var list struct{ Records []json.RawMessage }
	if c.to == Salesforce && json.Unmarshal(c.body, &list) == nil {
		for _, row := range list.Records {
			c.rows = append(c.rows, string(row))
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writing[c.to] = append(e.writing[c.to], c)
	for _, t := range sorted(found) {
		e.sends[t] = append(e.sends[t], c)
	}
}

// answer notes how a call ended.
func (e *Ear) answer(c *call, now time.Time, status int, body []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.answered, c.status, c.answer = now, status, body
}

// sent are the calls in which accord wrote a token to a vendor, in their order.
func (e *Ear) sent(token string, to Vendor) (list []*call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.sends[token] {
		if c.to == to {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *call) int { return a.at.Compare(b.at) })
	return list
}

// size is how many rows a call is to write.
func (c *call) size() int {
	if c.to == Monday {
		return len(mutation.FindAll(c.body, -1))
	}
	return max(1, len(c.rows))
}

// confirmed says whether the vendor told accord that a token was written: the whole answer came, and says so of its row.
func (c *call) confirmed(token string) bool {
	if c.answered.IsZero() || c.status/100 != 2 {
		return false
	}
	if c.to == Monday {
		var a struct{ Errors []json.RawMessage }
		return json.Unmarshal(c.answer, &a) == nil && len(a.Errors) == 0
	}
	var results []struct{ Success bool }
	if len(c.rows) == 0 || json.Unmarshal(c.answer, &results) != nil || len(results) != len(c.rows) {
		return true // of one record
	}
	for i, row := range c.rows {
		if token != "" && strings.Contains(row, token) && !results[i].Success {
			return false
		}
	}
	return true
}

// unconfirmed is how many rows of all calls to a vendor accord was not told to be written.
func (e *Ear) unconfirmed(to Vendor) (rows int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.writing[to] {
		failed := 0
		for _, row := range c.rows {
			if !c.confirmed(row) {
				failed++
			}
		}
		switch {
		case failed > 0:
			rows += failed
		case !c.confirmed(""):
			rows += c.size()
		}
	}
	return rows
}
