package storm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/cmd/accord/internal/org"
	"accord/cmd/accord/internal/people"
)

// Config says which storm.
type Config struct {
	Command func(args ...string) *exec.Cmd // accord, not started
	Dir     string                         // an empty folder, for everything
	Seed    uint64
	For     time.Duration // how long people edit and things break
	Without []string      // kinds of trouble to leave out
	Out     io.Writer     // told every action
}

// Report is what a storm was, and what was wrong after it.
type Report struct {
	Edits      int    // by people, creations and removals among them
	Wins       int    // deals that were won, each of which a trigger acts on
	Writes     [2]int // rows that accord wrote, on the Salesforce side and on monday's
	Pairs      int    // that were compared
	Excused    int    // edits that were overwritten before accord could know of them
	Trouble    map[string]int
	Kills      int // of accord and of the vendors
	Exits      int // of accord, by itself
	Converged  time.Duration
	Violations []string
}

// storm is one run.
type storm struct {
	cfg      Config
	began    time.Time
	contract string // folder of the contract and the ledger
	data     string // folder of the org
	state    string // folder of the emulators' state
	hook     string // where accord answers monday
	desk     string // the username of who gets the requests
	more     bool   // the second contract is in force, or about to be

	people  *people.People
	vendors *vendors
	engine  *engine
	wire    *wire
	past    *past
	relays  map[string]*relay

	mu     sync.Mutex
	report Report
}

// Run runs a storm. The error is of the storm itself; what accord did wrong is in the report.
func Run(ctx context.Context, cfg Config) (r *Report, err error) {
	s := &storm{
		cfg: cfg, began: time.Now(), contract: filepath.Join(cfg.Dir, "contract"), data: filepath.Join(cfg.Dir, "org"), state: filepath.Join(cfg.Dir, "state"),
		people: &people.People{}, wire: newWire(), more: true, past: &past{won: map[string]time.Time{}, begun: map[string]bool{}, drifted: map[string]bool{}}, report: Report{Trouble: map[string]int{}},
	}
	s.vendors, s.engine = &vendors{s: s}, &engine{s: s}
	s.say("seed %d, for %s", cfg.Seed, cfg.For)
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare the storm: %w", err)
	}
	if err := s.blow(ctx); err != nil {
		return nil, err
	}
	if err := s.calm(ctx); err != nil {
		return nil, err
	}
	s.report.Kills = s.report.Trouble["kill accord"] + s.report.Trouble["kill the vendors"]
	s.report.Exits = s.engine.exits
	return &s.report, nil
}

func (s *storm) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.cfg.Out, "%8.3f %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func (s *storm) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.say("VIOLATION %s", text)
	s.report.Violations = append(s.report.Violations, text)
}

// prepare makes an org up, serves both vendors, applies the contract and has the first sync done.
func (s *storm) prepare(ctx context.Context) error {
	fields := filepath.Join(s.data, "objects", "Task", "fields")
	for _, dir := range []string{s.contract, s.state, fields} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if _, err := org.Write(s.data, org.Options{Seed: s.cfg.Seed, Users: 6, Accounts: 10, Opportunities: 40, Today: s.began}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fields, "Accord_Occurrence__c.field-meta.xml"), []byte(occurrenceField), 0o600); err != nil {
		return err
	}
	var err error
	if s.vendors.port, err = freePorts(4); err != nil {
		return err
	}
	if err := s.vendors.serve(ctx); err != nil {
		return err
	}
	v := s.vendors.vars
	s.people.MondayURL, s.people.MondayToken = v["MONDAY_URL"], v["MONDAY_TOKEN"]
	s.people.SalesforceURL, s.people.SalesforceToken = v["SF_URL"], v["SF_ACCESS_TOKEN"]
	users, err := s.people.Query(ctx, "SELECT Username FROM User WHERE "+salesPeople)
	if err != nil || len(users) == 0 {
		return fmt.Errorf("find somebody for the requests: %d, %w", len(users), err)
	}
	s.desk = text(users[0]["Username"])
	if err := s.listen(); err != nil {
		return err
	}
	for range 2 { // what the first apply grants shows only then
		if err := s.apply(time.Minute); err != nil {
			return err
		}
	}
	if code, err := s.run(time.Minute, "sync", "--once"); err != nil || code != 0 {
		return fmt.Errorf("the first sync ended with %d: %w", code, err)
	}
	return s.found(ctx)
}

// listen puts the wire between accord and the vendors.
func (s *storm) listen() error {
	port, err := freePorts(1)
	if err != nil {
		return err
	}
	s.hook = fmt.Sprintf("127.0.0.1:%d", port)
	s.relays = map[string]*relay{}
	base := s.vendors.port
	for _, r := range []struct {
		name string
		to   string
		side side
	}{{"monday", local(base), monday}, {"salesforce", local(base + 1), salesforce}, {"stream", local(base + 2), salesforce}, {"hook", s.hook, monday}} {
		if s.relays[r.name], err = s.wire.relay(r.to, r.side, r.name == "hook"); err != nil {
			return err
		}
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }

// vars are accord's environment: the vendors' own, with their addresses on the wire.
func (s *storm) vars() []string {
	var list []string
	for name, value := range s.vendors.vars {
		switch name {
		case "MONDAY_URL":
			value = "http://" + s.relays["monday"].address() + "/v2"
		case "SF_URL":
			value = "http://" + s.relays["salesforce"].address()
		case "SF_PUBSUB":
			value = s.relays["stream"].address()
		}
		list = append(list, name+"="+value)
	}
	return list
}

// apply writes the contract and brings it into force. In a storm a try may fail, or be killed: it is repeated until one
// comes to its end.
func (s *storm) apply(patience time.Duration) error {
	text := contractText("http://"+s.relays["hook"].address()+"/hooks/monday", s.hook, s.desk, s.more)
	if err := os.WriteFile(filepath.Join(s.contract, "storm.accord.hcl"), []byte(text), 0o600); err != nil {
		return err
	}
	code, err := s.run(patience, "apply", "--auto-approve")
	if err == nil && code != 0 {
		err = fmt.Errorf("apply ended with %d: see commands.log", code)
	}
	return err
}

// blow is the storm: people at work, trouble beside them.
func (s *storm) blow(ctx context.Context) error {
	if err := s.engine.begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.For)
	defer cancel()
	trouble := make(chan error, 1)
	go func() { trouble <- s.trouble(ctx) }()
	err := s.work(ctx)
	cancel()
	return errors.Join(err, <-trouble)
}

// calm ends the trouble, has accord settle everything, and judges.
func (s *storm) calm(ctx context.Context) error {
	s.say("the storm is over")
	for _, path := range []string{"/monday/faults", "/salesforce/faults"} {
		if err := s.vendors.admin(ctx, "DELETE", path, nil, nil); err != nil {
			return err
		}
	}
	if err := s.vendors.admin(ctx, "POST", "/monday/search-lag", map[string]string{"lag": "0s"}, nil); err != nil {
		return err
	}
	if err := s.engine.child.stop(30 * time.Second); err != nil {
		s.complain("%v", err)
	}
	s.more = true
	if err := s.apply(2 * time.Minute); err != nil {
		s.complain("with all quiet: %v", err)
		return nil
	}
	began := time.Now()
	code, err := s.run(8*time.Minute, "sync", "--once")
	s.report.Converged = time.Since(began)
	if err != nil || code != 0 {
		s.complain("with all quiet, a sync ended with %d: %v", code, err)
		return nil
	}
	before, err := s.vendors.written(ctx)
	if err != nil {
		return err
	}
	s.report.Writes = before
	for i := range s.report.Writes {
		s.report.Writes[i] -= s.past.rows[i]
	}
	if err := s.judge(ctx); err != nil {
		return err
	}
	if code, err := s.run(2*time.Minute, "sync", "--once"); err != nil || code != 0 {
		s.complain("a second sync ended with %d: %v", code, err)
	}
	after, err := s.vendors.written(ctx)
	if err != nil {
		return err
	}
	if after != before {
		s.complain("a second sync wrote: %v rows before it, %v after", before, after)
	}
	return nil
}

// end ends every process that was started.
func (s *storm) end() error {
	var failed error
	if s.engine.child != nil {
		s.engine.child.kill()
	}
	if s.vendors.child != nil {
		failed = s.vendors.child.stop(20 * time.Second)
	}
	return errors.Join(failed, s.wire.close())
}

// stream is a stream of random numbers that nothing else draws from.
func (s *storm) stream(name uint64) *rand.Rand { return rand.New(rand.NewPCG(s.cfg.Seed, name)) }

func (s *storm) without(kind string) bool { return slices.Contains(s.cfg.Without, kind) }

// String is the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d edits, %d deals won; accord wrote %d rows in Salesforce and %d items in monday; %d pairs compared, %d edits excused\n",
		r.Edits, r.Wins, r.Writes[salesforce], r.Writes[monday], r.Pairs, r.Excused)
	fmt.Fprintf(&b, "%d kills, %d exits of accord by itself; settled in %s once it was quiet\n", r.Kills, r.Exits, r.Converged.Round(time.Millisecond))
	for _, kind := range kinds {
		if n := r.Trouble[kind.name]; n > 0 {
			fmt.Fprintf(&b, "%6d  %s\n", n, kind.name)
		}
	}
	return b.String()
}
