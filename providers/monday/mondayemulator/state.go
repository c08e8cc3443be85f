package mondayemulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// load reads the state file, where one was named and is there. What it holds wins over Options:
// users, workspaces and boards are those of the last run.
func (e *Emulator) load() error {
	if e.opts.StateFile == "" {
		return nil
	}
	raw, err := os.ReadFile(e.opts.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read monday emulator state: %w", err)
	}
	if err := e.acct.Import(raw); err != nil {
		return fmt.Errorf("read monday emulator state %s: %w; delete the file to start afresh", e.opts.StateFile, err)
	}
	return nil
}

// Save writes the state to Options.StateFile, whole or not at all; without one it does nothing.
// Page walks, budgets, idempotency keys, bulk jobs and webhook requests under way are not part of it.
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

// State is the account as JSON; equal accounts give equal bytes.
func (e *Emulator) State() ([]byte, error) {
	e.acct.Lock()
	defer e.acct.Unlock()
	raw, err := e.acct.Export()
	if err != nil {
		return nil, fmt.Errorf("write monday emulator state: %w", err)
	}
	return raw, nil
}
