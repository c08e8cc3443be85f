package storm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/cmd/accord/internal/org"
	"accord/cmd/accord/internal/people"
)

// Config says which storm.
type Config struct {
	Stage   Stage
	Dir     string // an empty folder, for the org
	Seed    uint64
	For     time.Duration // how long people edit and things break
	Slower  int           // times the pauses of people, and a quarter of that those of trouble; 0 = 1
	Without []string      // kinds of trouble, and acts of people, to leave out
	Out     io.Writer     // told every action
}

// Report is what a storm was, and what was wrong after it.
type Report struct {
	Edits      int            // by people, creations and removals among them
	Wins       int            // deals that were won, each of which a trigger acts on
	Writes     [2]int         // rows that accord wrote, on the Salesforce side and on monday's
	Allowed    [2]int         // rows that it might have written
	Carried    int            // texts that accord sent over, repetitions included
	Repeated   int            // of them, repetitions that had to be
	Decided    int            // conflicts, by a person at the end
	Returned   int            // records that people put back
	Pairs      int            // that were compared
	Excused    int            // edits that were overwritten before accord could know of them
	Deeds      map[string]int // by people, those that are no edit of one field
	Trouble    map[string]int
	Kills      int // of accord and of the vendors
	Exits      int // of accord, by itself
	Converged  time.Duration
	Violations []string
}

// storm is one run.
type storm struct {
	cfg   Config
	stage Stage
	began time.Time
	desk  string // the username of who gets the requests
	more  bool   // the second contract is in force, or about to be

	people *people.People
	ear    *Ear
	past   *past
	frozen chan struct{} // full while the vendors are being killed, or while somebody uses their own controls
	// rows were written before the vendors were last killed, as their counters said: a restart forgets them.
	rows [2]int

	mu     sync.Mutex
	deaths []time.Time // of processes of accord's
	report Report
}

// Run runs a storm. The error is of the storm itself; what accord did wrong is in the report.
func Run(ctx context.Context, cfg Config) (r *Report, err error) {
	s := &storm{
		cfg: cfg, stage: cfg.Stage, began: time.Now(), people: &people.People{Client: cfg.Stage.Client()}, ear: newEar(), more: true,
		past: newPast(), frozen: make(chan struct{}, 1), report: Report{Trouble: map[string]int{}, Deeds: map[string]int{}},
	}
	s.cfg.Slower = max(1, cfg.Slower)
	s.say("seed %d, for %s", cfg.Seed, cfg.For)
	defer func() { err = errors.Join(err, s.stage.Close()) }()
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
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Violations = append(s.report.Violations, text)
}

// deed counts what people did.
func (s *storm) deed(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Deeds[kind]++
}

// prepare makes an org up, serves both vendors, applies the contract and has the first sync done.
func (s *storm) prepare(ctx context.Context) error {
	if there, err := os.ReadDir(s.cfg.Dir); err != nil || len(there) > 0 {
		return fmt.Errorf("%s is to be an empty folder, and holds %d files: %w", s.cfg.Dir, len(there), err)
	}
	data := filepath.Join(s.cfg.Dir, "org")
	fields := filepath.Join(data, "objects", "Task", "fields")
	if err := os.MkdirAll(fields, 0o700); err != nil {
		return err
	}
	if _, err := org.Write(data, org.Options{Seed: s.cfg.Seed, Users: 6, Accounts: 10, Opportunities: 40, Today: s.began}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fields, "Accord_Occurrence__c.field-meta.xml"), []byte(occurrenceField), 0o600); err != nil {
		return err
	}
	if err := s.stage.Open(ctx, data, s.ear); err != nil {
		return err
	}
	v := s.stage.Vars()
	s.people.MondayURL, s.people.MondayToken = v["MONDAY_URL"], v["MONDAY_TOKEN"]
	s.people.SalesforceURL, s.people.SalesforceToken = v["SF_URL"], v["SF_ACCESS_TOKEN"]
	users, err := s.people.Query(ctx, "SELECT Username FROM User WHERE "+salesPeople)
	if err != nil || len(users) == 0 {
		return fmt.Errorf("find somebody for the requests: %d, %w", len(users), err)
	}
	s.desk = text(users[0]["Username"])
	for range 2 { // what the first apply grants shows only then
		if err := s.apply(ctx, time.Minute); err != nil {
			return err
		}
	}
	if code, err := s.stage.Once(ctx, time.Minute); err != nil || code != 0 {
		return fmt.Errorf("the first sync ended with %d: %w", code, err)
	}
	return s.found(ctx)
}

// apply brings the contract into force. In a storm a try may fail, or be killed.
func (s *storm) apply(ctx context.Context, patience time.Duration) error {
	url, listen := s.stage.Hook()
	code, err := s.stage.Apply(ctx, contractText(url, listen, s.desk, s.more), patience)
	if err == nil && code != 0 {
		err = fmt.Errorf("apply ended with %d", code)
	}
	return err
}

// counters are those that the judges look at.
type counters struct {
	Monday struct {
		ItemsWritten int `json:"items_written"`
	} `json:"monday"`
	Salesforce struct {
		RowsWritten int `json:"rows_written"`
	} `json:"salesforce"`
}

// admin asks the emulators for what no vendor has.
func (s *storm) admin(ctx context.Context, method, path string, body, into any) error {
	return s.people.Call(ctx, method, s.stage.Vars()["EMULATOR_ADMIN"]+path, "", body, into)
}

// written is how many rows were written on each side, by anybody, since the storm began.
func (s *storm) written(ctx context.Context) (rows [2]int, err error) {
	var c counters
	if err := s.admin(ctx, "GET", "/counters", nil, &c); err != nil {
		return rows, err
	}
	return [2]int{Salesforce: s.rows[Salesforce] + c.Salesforce.RowsWritten, Monday: s.rows[Monday] + c.Monday.ItemsWritten}, nil
}

// died notes that no process of accord's lived past this moment.
func (s *storm) died() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths = append(s.deaths, time.Now())
}

// down says whether a process of accord's died within a span.
func (s *storm) down(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.deaths, func(at time.Time) bool { return !at.Before(from) && !at.After(to) })
}

// supervise starts accord again when it has ended by itself, as an init system does.
func (s *storm) supervise() error {
	for n := range s.stage.Workers() {
		code, ended := s.stage.Ended(n)
		if !ended {
			continue
		}
		s.died()
		s.report.Exits++
		s.say("accord sync ended by itself, with %d", code)
		if code == 2 || code == 11 {
			return fmt.Errorf("accord sync crashed with %d", code)
		}
		if err := s.stage.Start(n); err != nil {
			return err
		}
	}
	return nil
}

// blow is the storm: people at work, trouble beside them.
func (s *storm) blow(ctx context.Context) error {
	for n := range s.stage.Workers() {
		if err := s.stage.Start(n); err != nil {
			return err
		}
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
		if err := s.admin(ctx, "DELETE", path, nil, nil); err != nil {
			return err
		}
	}
	if err := s.admin(ctx, "POST", "/monday/search-lag", map[string]string{"lag": "0s"}, nil); err != nil {
		return err
	}
	for n := range s.stage.Workers() {
		if err := s.stage.Stop(n, 30*time.Second); err != nil {
			s.complain("%v", err)
		}
	}
	s.more = true
	if err := s.apply(ctx, 2*time.Minute); err != nil {
		s.complain("with all quiet: %v", err)
		return nil
	}
	began := time.Now()
	code, err := s.stage.Once(ctx, 10*time.Minute)
	s.report.Converged = time.Since(began)
	if err != nil || code != 0 {
		s.complain("with all quiet, a sync ended with %d: %v", code, err)
		return nil
	}
	if err := s.decide(ctx); err != nil {
		return err
	}
	before, err := s.written(ctx)
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
	if code, err := s.stage.Once(ctx, 2*time.Minute); err != nil || code != 0 {
		s.complain("a second sync ended with %d: %v", code, err)
	}
	after, err := s.written(ctx)
	if err != nil {
		return err
	}
	if after != before {
		s.complain("a second sync wrote: %v rows before it, %v after", before, after)
	}
	return nil
}

// decide has a person decide about what is left to one: which of two items stays where two accounts became one, and that
// what was put back shall have a partner again. The rest is what the contract holds.
func (s *storm) decide(ctx context.Context) error {
	r := s.stream(3)
	for range 3 {
		list, err := s.stage.Contested(ctx)
		if err != nil {
			return fmt.Errorf("see what waits for a person: %w", err)
		}
		decided := 0
		for _, c := range list {
			keep := ""
			switch c.Reason {
			case "merged":
				if both := kept.FindAllStringSubmatch(c.Remedy, -1); len(both) == 2 {
					keep = both[r.IntN(2)][1]
				}
			case "came_back":
			default:
				s.say("conflict %s of %s, %s, stays: %s", c.ID, c.Object, c.Reason, c.Detail)
				continue
			}
			s.say("a person decides conflict %s of %s, %s: %s", c.ID, c.Object, c.Reason, keep)
			err := s.stage.Decide(ctx, c.ID, keep)
			if err != nil && keep != "" { // another decision, or another merge, has changed what it is about
				s.say("it is not to be had: %v", err)
				err = s.stage.Decide(ctx, c.ID, "")
			}
			if err != nil {
				return err
			}
			decided++
		}
		if decided == 0 {
			return nil
		}
		s.report.Decided += decided
		if code, err := s.stage.Once(ctx, 2*time.Minute); err != nil || code != 0 {
			s.complain("after a person's decisions, a sync ended with %d: %v", code, err)
		}
	}
	return nil
}

// kept finds the records of which one is to be kept.
var kept = regexp.MustCompile(`--keep (\w+)`)

// stream is a stream of random numbers that nothing else draws from.
func (s *storm) stream(name uint64) *rand.Rand { return rand.New(rand.NewPCG(s.cfg.Seed, name)) }

func (s *storm) without(kind string) bool { return slices.Contains(s.cfg.Without, kind) }

// String is the report in a few lines.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d edits, %d deals won; accord wrote %d rows in Salesforce (%d allowed) and %d items in monday (%d allowed)\n",
		r.Edits, r.Wins, r.Writes[Salesforce], r.Allowed[Salesforce], r.Writes[Monday], r.Allowed[Monday])
	fmt.Fprintf(&b, "%d texts were sent over, %d of them again, as had to be; %d records and items were put back, %d conflicts decided by hand; %d pairs compared, %d edits excused\n",
		r.Carried, r.Repeated, r.Returned, r.Decided, r.Pairs, r.Excused)
	fmt.Fprintf(&b, "%d kills, %d exits of accord by itself; settled in %s once it was quiet\n", r.Kills, r.Exits, r.Converged.Round(time.Millisecond))
	for _, kind := range sorted(r.Deeds) {
		fmt.Fprintf(&b, "%6d  %s\n", r.Deeds[kind], kind)
	}
	for _, kind := range kinds {
		if n := r.Trouble[kind.name]; n > 0 {
			fmt.Fprintf(&b, "%6d  %s\n", n, kind.name)
		}
	}
	return b.String()
}
