package mondayemulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stateFormat is raised when files of an earlier program can no longer be read.
const stateFormat = 2

// saved is the state file: the account with its page walks, what was used of the limits, the answers that an idempotency
// key brings back, bulk jobs, and webhook requests that wait.
type saved struct {
	Format   int             `json:"format"`
	Account  json.RawMessage `json:"account"`
	Used     used            `json:"used"`
	Answers  []keptAnswer    `json:"answers,omitempty"`
	Jobs     []savedJob      `json:"jobs,omitempty"`
	Webhooks json.RawMessage `json:"webhooks"`
}

// load reads the state file, where one was named and is there. What it holds wins over Options:
// users, workspaces and boards are those of the last run.
func (e *Emulator) load() (waiting []byte, err error) {
	if e.opts.StateFile == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(e.opts.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read monday emulator state: %w", err)
	}
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read monday emulator state %s: %w; delete the file to start afresh", e.opts.StateFile, err)
	}
	if s.Format != stateFormat {
		return nil, fmt.Errorf("read monday emulator state %s: format %d is not %d; delete the file to start afresh", e.opts.StateFile, s.Format, stateFormat)
	}
	if err := e.acct.Import(s.Account); err != nil {
		return nil, fmt.Errorf("read monday emulator state %s: %w; delete the file to start afresh", e.opts.StateFile, err)
	}
	e.meter.load(s.Used)
	e.keys.load(s.Answers)
	e.jobs.load(s.Jobs)
	return s.Webhooks, nil
}

// Save writes the state to Options.StateFile, whole or not at all; without one it does nothing.
// Counters, the fault script and time moved by hand are not part of it.
func (e *Emulator) Save() error {
	if e.opts.StateFile == "" {
		return nil
	}
	raw, err := e.State()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(e.opts.StateFile), filepath.Base(e.opts.StateFile)+".*")
	if err != nil {
		return fmt.Errorf("save monday emulator state: %w", err)
	}
	_, err = tmp.Write(raw)
	if err2 := tmp.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(tmp.Name(), e.opts.StateFile)
	}
	if err != nil {
		return fmt.Errorf("save monday emulator state: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// State is everything that is kept, as JSON; equal accounts with equal pasts give equal bytes.
func (e *Emulator) State() ([]byte, error) {
	e.acct.Lock()
	defer e.acct.Unlock() // held to the end: a job changes while the account is locked
	s := saved{Format: stateFormat, Used: e.meter.save(), Answers: e.keys.save(), Jobs: e.jobs.save()}
	var err error
	if s.Account, err = e.acct.Export(); err != nil {
		return nil, fmt.Errorf("write monday emulator state: %w", err)
	}
	if s.Webhooks, err = e.sender.Export(); err != nil {
		return nil, fmt.Errorf("write monday emulator state: %w", err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write monday emulator state: %w", err)
	}
	return raw, nil
}

// used is what was taken of the limits.
type used struct {
	Minute usedWindow            `json:"minute"`
	Reads  usedWindow            `json:"reads"`
	Writes usedWindow            `json:"writes"`
	IPs    map[string]usedWindow `json:"ips,omitempty"`
	Fields map[string]usedWindow `json:"fields,omitempty"`
	Jobs   usedWindow            `json:"jobs"`
	Items  usedWindow            `json:"items"`
	Day    string                `json:"day,omitempty"`
	Tenths int                   `json:"tenths"` // calls of the day, in tenths
	Days   map[string]int        `json:"days,omitempty"`
}

type usedWindow struct {
	Start time.Time `json:"start"`
	Used  int       `json:"used"`
}

func (m *meter) save() used {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := func(w *window) usedWindow { return usedWindow{w.start, w.used} }
	all := func(in map[string]*window) map[string]usedWindow {
		out := map[string]usedWindow{}
		for k, w := range in {
			out[k] = of(w)
		}
		return out
	}
	return used{
		Minute: of(&m.minute), Reads: of(&m.reads), Writes: of(&m.writes), IPs: all(m.ips), Fields: all(m.fields),
		Jobs: of(&m.jobs), Items: of(&m.items), Day: m.day, Tenths: m.tenths, Days: maps.Clone(m.days),
	}
}

func (m *meter) load(u used) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := func(w usedWindow) window { return window{w.Start, w.Used} }
	all := func(in map[string]usedWindow) map[string]*window {
		out := map[string]*window{}
		for k, w := range in {
			out[k] = &window{w.Start, w.Used}
		}
		return out
	}
	m.minute, m.reads, m.writes, m.jobs, m.items = of(u.Minute), of(u.Reads), of(u.Writes), of(u.Jobs), of(u.Items)
	m.ips, m.fields, m.day, m.tenths = all(u.IPs), all(u.Fields), u.Day, u.Tenths
	m.days = map[string]int{}
	maps.Copy(m.days, u.Days)
}

// savedJob is a bulk job as the state file keeps it.
type savedJob struct {
	ID       string    `json:"id"`
	Board    int64     `json:"board"`
	Group    string    `json:"group"`
	Match    string    `json:"match,omitempty"`
	Skip     bool      `json:"skip,omitempty"`
	Backfill bool      `json:"backfill,omitempty"`
	By       int64     `json:"by"`
	Base     string    `json:"base"`
	Started  time.Time `json:"started"`
	Done     time.Time `json:"done"`
	State    string    `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"`
	Counts   [6]int    `json:"counts"` // submitted, invalid, skipped, created, updated, failed
	Report   []byte    `json:"report,omitempty"`
}

// save lists the jobs by id. The account is locked.
func (s *jobs) save() []savedJob {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []savedJob
	for _, j := range s.m {
		out = append(out, savedJob{
			j.id, j.board, j.group, j.match, j.skip, j.backfill, j.by, j.base, j.started, j.done, j.state, j.reason, j.message,
			[6]int{j.submitted, j.invalid, j.skipped, j.created, j.updated, j.fault}, j.report,
		})
	}
	slices.SortFunc(out, func(a, b savedJob) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (s *jobs) load(list []savedJob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range list {
		s.m[j.ID] = &job{
			id: j.ID, board: j.Board, group: j.Group, match: j.Match, skip: j.Skip, backfill: j.Backfill, by: j.By, base: j.Base,
			started: j.Started, done: j.Done, state: j.State, reason: j.Reason, message: j.Message,
			submitted: j.Counts[0], invalid: j.Counts[1], skipped: j.Counts[2], created: j.Counts[3], updated: j.Counts[4], fault: j.Counts[5],
			report: j.Report,
		}
	}
}
