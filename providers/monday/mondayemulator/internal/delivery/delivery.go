package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	retryEvery = time.Minute
	retries    = 30
	tokenLife  = 300 * time.Second
	patience   = 10 * time.Second // the vendor publishes no limit
)

// Message is one request to send.
type Message struct {
	To     string
	Signed bool
	UserID int64
	Event  map[string]any
}

// Plan is what becomes of a message on its first way: the zero value sends it once, now.
type Plan struct {
	Drop   bool
	Copies int           // sent this many times more
	Delay  time.Duration // later than asked
	Hold   bool          // after the next message to the same address

	Unsigned bool
	Forged   bool   // signed with another secret
	Audience string // instead of the address
}

// Config is what a Sender is made from.
type Config struct {
	Now       func() time.Time
	Pace      float64 // how much faster Now goes than the timers do; 0 is as fast
	Secret    string
	AccountID int64
	Client    *http.Client // nil makes one
	Log       hclog.Logger
	Plan      func(event map[string]any) Plan // nil sends all
	Done      func(Outcome)                   // nil is not told
}

// Outcome is what became of one attempt.
type Outcome struct {
	To      string
	Attempt int // from 1
	Status  int // 0 without an answer
	GaveUp  bool
	Dropped bool
}

// Sender sends messages until it is closed.
type Sender struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	own    *http.Transport

	mu     sync.Mutex
	lanes  map[string]*lane
	closed bool
	seq    int
}

type job struct {
	msg     Message
	due     time.Time
	seq     int
	attempt int
	plan    Plan
}

// lane is the queue of one address; its goroutine lives while it has something to send.
type lane struct {
	ready []*job // to be sent in this order
	later []*job // late ones and retries
	held  []*job // waiting for the next message
	out   *job   // under way
	wake  chan struct{}
	busy  bool
}

// New makes a Sender.
func New(cfg Config) *Sender {
	s := &Sender{cfg: cfg, lanes: map[string]*lane{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if s.cfg.Client == nil {
		s.own = &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second}
		s.cfg.Client = &http.Client{Transport: s.own, Timeout: patience}
	}
	if s.cfg.Log == nil {
		s.cfg.Log = hclog.NewNullLogger()
	}
	return s
}

// Send queues a message.
func (s *Sender) Send(m Message) {
	plan := Plan{}
	if s.cfg.Plan != nil {
		plan = s.cfg.Plan(m.Event)
	}
	if plan.Drop {
		s.done(Outcome{To: m.To, Dropped: true})
		return
	}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	l := s.lane(m.To)
	for range 1 + plan.Copies {
		s.seq++
		j := &job{msg: m, due: now.Add(plan.Delay), seq: s.seq, plan: plan}
		switch {
		case plan.Hold:
			l.held = append(l.held, j)
		case plan.Delay > 0:
			l.later = append(l.later, j)
		default:
			l.ready = append(l.ready, j)
		}
	}
	if !plan.Hold { // what waited for a later message goes after this one
		l.ready = append(l.ready, l.held...)
		l.held = nil
	}
	s.start(l)
}

// lane is the queue of an address. It needs mu.
func (s *Sender) lane(to string) *lane {
	l := s.lanes[to]
	if l == nil {
		l = &lane{wake: make(chan struct{}, 1)}
		s.lanes[to] = l
	}
	return l
}

// start has a queue look at what it has to send. It needs mu.
func (s *Sender) start(l *lane) {
	if !l.busy {
		l.busy = true
		s.wg.Add(1)
		go s.run(l)
	}
	poke(l)
}

func poke(l *lane) {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Wake makes the queues look at the clock again, after it was moved.
func (s *Sender) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		poke(l)
	}
}

// Pending is how many messages wait, retries included.
func (s *Sender) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lanes {
		n += len(l.ready) + len(l.later) + len(l.held)
		if l.out != nil {
			n++
		}
	}
	return n
}

// Close drops what waits, ends what is under way and returns when all has stopped.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// next takes the job that is due, or says how long until one is: 0 when there is nothing left.
func (s *Sender) next(l *lane) (j *job, wait time.Duration) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	first := -1 // of those that are due later, the one that comes next
	for i, c := range l.later {
		if first < 0 || c.due.Before(l.later[first].due) || c.due.Equal(l.later[first].due) && c.seq < l.later[first].seq {
			first = i
		}
	}
	switch {
	case first >= 0 && !l.later[first].due.After(now):
		j = l.later[first]
		l.later = append(l.later[:first], l.later[first+1:]...)
	case len(l.ready) > 0:
		j = l.ready[0]
		l.ready[0] = nil
		l.ready = l.ready[1:]
	case first >= 0:
		return nil, l.later[first].due.Sub(now)
	case len(l.held) > 0:
		return nil, retryEvery // nothing to do until another message comes
	default:
		l.busy = false
		return nil, 0
	}
	l.out = j
	return j, 0
}

func (s *Sender) run(l *lane) {
	defer s.wg.Done()
	for {
		j, wait := s.next(l)
		if j == nil && wait == 0 {
			return
		}
		if j == nil {
			t := time.NewTimer(s.real(wait))
			select {
			case <-s.ctx.Done():
				t.Stop()
				return
			case <-l.wake:
				t.Stop()
			case <-t.C:
			}
			continue
		}
		if s.ctx.Err() != nil {
			return
		}
		s.attempt(l, j)
	}
}

// real is how long a timer takes for a span of emulated time.
func (s *Sender) real(d time.Duration) time.Duration {
	if s.cfg.Pace <= 0 {
		return d
	}
	return max(time.Duration(float64(d)/s.cfg.Pace), time.Millisecond)
}

func (s *Sender) attempt(l *lane, j *job) {
	j.attempt++
	status, err := s.post(j)
	if s.ctx.Err() != nil {
		return
	}
	ok := err == nil && status >= 200 && status < 300
	gaveUp := !ok && j.attempt > retries
	if !ok {
		s.cfg.Log.Debug("webhook request was not taken", "to", j.msg.To, "attempt", j.attempt, "status", status, "error", err)
	}
	now := s.cfg.Now()
	s.mu.Lock()
	l.out = nil
	if !ok && !gaveUp {
		j.due = now.Add(retryEvery)
		l.later = append(l.later, j)
	}
	s.mu.Unlock()
	s.done(Outcome{To: j.msg.To, Attempt: j.attempt, Status: status, GaveUp: gaveUp})
}

func (s *Sender) done(o Outcome) {
	if s.cfg.Done != nil {
		s.cfg.Done(o)
	}
}

func (s *Sender) post(j *job) (int, error) {
	event := make(map[string]any, len(j.msg.Event))
	for k, v := range j.msg.Event {
		event[k] = v
	}
	event["isRetry"] = j.attempt > 1
	body, err := json.Marshal(map[string]any{"event": event})
	if err != nil {
		return 0, fmt.Errorf("encode event: %w", err)
	}
	token := ""
	if j.msg.Signed && s.cfg.Secret != "" && !j.plan.Unsigned {
		secret, audience := s.cfg.Secret, j.msg.To
		if j.plan.Forged {
			secret += "-forged"
		}
		if j.plan.Audience != "" {
			audience = j.plan.Audience
		}
		token = Token(secret, s.cfg.AccountID, j.msg.UserID, audience, s.cfg.Now())
	}
	status, _, err := s.request(s.ctx, j.msg.To, body, token)
	return status, err
}

func (s *Sender) request(ctx context.Context, to string, body []byte, token string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, answer, err
}

// Challenge makes the handshake of a new subscription: the address must give the challenge back
// with status 200.
func (s *Sender) Challenge(ctx context.Context, to, challenge string) error {
	body, err := json.Marshal(map[string]string{"challenge": challenge})
	if err != nil {
		return err
	}
	status, answer, err := s.request(ctx, to, body, "")
	if err != nil {
		return fmt.Errorf("challenge %s: %w", to, err)
	}
	var got struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(answer, &got); status != http.StatusOK || err != nil || got.Challenge != challenge {
		return fmt.Errorf("challenge %s: status %d without the challenge in the answer", to, status)
	}
	return nil
}

// Token is the JWT of a webhook request: HS256 with the app's signing secret, five minutes
// (developer.monday.com, "Webhooks").
func Token(secret string, accountID, userID int64, audience string, now time.Time) string {
	claims := map[string]any{
		"accountId": accountID, "userId": userID, "aud": audience,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	}
	claims["shortLivedToken"] = sign(secret+"-short-lived", map[string]any{"uid": userID, "actid": accountID, "exp": now.Add(tokenLife).Unix()})
	return sign(secret, claims)
}

func sign(secret string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		return ""
	}
	enc := base64.RawURLEncoding
	head := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(head))
	return head + "." + enc.EncodeToString(mac.Sum(nil))
}
