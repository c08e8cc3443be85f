package salesforceemulator

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// Save writes the org to StateFile: definitions, records and deleted records. Sessions, jobs and past events are not kept.
// Without a StateFile it does nothing.
func (e *Emulator) Save() error {
	if e.opts.StateFile == "" {
		return nil
	}
	o, _ := e.core()
	if err := writeState(e.opts.StateFile, o.Snapshot()); err != nil {
		return fmt.Errorf("saving the org to %s: %w", e.opts.StateFile, err)
	}
	return nil
}

// writeState writes beside the file and renames: a crash leaves the old state whole.
func writeState(path string, s org.Snapshot) (err error) {
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
	err = errors.Join(json.NewEncoder(z).Encode(s), z.Close(), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// restore reads the state file into a fresh org; false where there is none.
func (e *Emulator) restore(o *org.Org) (bool, error) {
	if e.opts.StateFile == "" {
		return false, nil
	}
	f, err := os.Open(e.opts.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the state: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return false, fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	dec := json.NewDecoder(z)
	dec.UseNumber()
	var s org.Snapshot
	if err := dec.Decode(&s); err != nil {
		return false, fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	if err := o.Restore(s); err != nil {
		return false, fmt.Errorf("reading the state %s: %w", e.opts.StateFile, err)
	}
	return true, nil
}
