package salesforceemulator

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// stateFormat is raised when states of an earlier program can no longer be read.
const stateFormat = 3

// state is everything that is kept across restarts.
type state struct {
	Format int `json:"format"`
	// Now is the emulated time: a restart does not make it go back.
	Now      time.Time       `json:"now"`
	Org      org.Snapshot    `json:"org"`
	Events   json.RawMessage `json:"events"`
	Auth     authState       `json:"auth"`
	Bulk     bulkState       `json:"bulk"`
	Locators locatorState    `json:"locators"`
	Faults   []Fault         `json:"faults,omitempty"`
	Calls    usage           `json:"calls"`
	Requests uint64          `json:"requests"`
}

// Save writes to StateFile what the org is and what it has promised: definitions and records, deleted ones too; sessions and
// refresh tokens; jobs and their results; open pages of queries; the events that can be replayed; what counts against
// the day's limits; and the faults still to come. Without a StateFile it does nothing.
func (e *Emulator) Save() error {
	if e.opts.StateFile == "" {
		return nil
	}
	o, auth := e.core()
	s := state{Format: stateFormat, Now: e.clock.Now(), Bulk: e.bulk.save(o), Locators: e.locators.save(o), Faults: e.Faults(), Calls: e.limits.save(), Requests: e.requests.Load()}
	var err error
	if s.Auth, err = auth.save(); err != nil {
		return fmt.Errorf("saving the org to %s: %w", e.opts.StateFile, err)
	}
	// The records and the events that tell of them are of one moment.
	err = o.Settled(func(snapshot org.Snapshot) error {
		s.Org = snapshot
		s.Events, err = e.events.Save()
		return err
	})
	if err == nil {
		err = writeState(e.opts.StateFile, s)
	}
	if err != nil {
		return fmt.Errorf("saving the org to %s: %w", e.opts.StateFile, err)
	}
	return nil
}

// writeState writes beside the file and renames: a crash leaves the old state whole.
func writeState(path string, s state) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".state-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	z := gzip.NewWriter(f)
	enc := json.NewEncoder(z)
	if err = enc.Encode(s); err == nil {
		err = s.Org.EachRow(func(values map[string]any) error { return enc.Encode(values) })
	}
	err = errors.Join(err, z.Close(), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// savedState is a state that is being read: the records of the org follow it in its file.
type savedState struct {
	state
	file *os.File
	dec  *json.Decoder
}

// row reads the next record.
func (s *savedState) row() (map[string]any, error) {
	var values map[string]any
	if err := s.dec.Decode(&values); err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	return values, nil
}

// openState reads the state file up to the records; nil where there is none.
func openState(path string) (*savedState, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the state: %w", err)
	}
	s := &savedState{file: f}
	z, err := gzip.NewReader(f)
	if err == nil {
		s.dec = json.NewDecoder(z)
		s.dec.UseNumber()
		err = s.dec.Decode(&s.state)
	}
	if err == nil && s.Format != stateFormat {
		err = fmt.Errorf("it has format %d, and only %d is understood: delete it to start afresh", s.Format, stateFormat)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the state %s: %w", path, err), f.Close())
	}
	return s, nil
}

// restore takes up a state, in a fresh org with fresh logins, before anybody is served.
func (e *Emulator) restore(s *savedState, o *org.Org, auth *authServer) error {
	e.clock.NotBefore(s.Now)
	if err := o.Restore(s.Org, s.row); err != nil {
		return fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	if err := auth.load(s.Auth); err != nil {
		return fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	if err := e.events.Load(s.Events); err != nil {
		return fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	e.bulk.load(s.Bulk)
	e.locators.load(s.Locators)
	e.limits.load(s.Calls)
	e.faults.Replace(s.Faults)
	e.requests.Store(s.Requests)
	return nil
}
