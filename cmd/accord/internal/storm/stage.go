package storm

import (
	"context"
	"net/http"
	"time"
)

// Stage is where a storm happens: real processes over TCP, or one process in virtual time. Times are given as spans; what
// a stage is told to do is done when it returns.
type Stage interface {
	// Open serves both vendors with the org of a folder, and puts the ear between them and accord.
	Open(ctx context.Context, org string, ear *Ear) error
	// Vars are the variables that the emulators give out, and Client is how people reach them.
	Vars() map[string]string
	Client() *http.Client
	// Hook is where monday calls accord, and Listen the address that accord takes such calls at.
	Hook() (url, listen string)
	// Freeze has the vendors keep what they have told, and answer nothing more; Revive kills them and starts them again.
	Freeze(ctx context.Context) error
	Revive(ctx context.Context, pause time.Duration) error

	// Apply brings a contract into force, from a process of its own, which is killed after so long. Once settles
	// everything, likewise. Both give an exit code; the error says that it was not done in time.
	Apply(ctx context.Context, contract string, patience time.Duration) (code int, err error)
	Once(ctx context.Context, patience time.Duration) (code int, err error)

	// Contested lists what waits for a person, and Decide does about one of it what the person says: keep is the record to
	// keep of two, or "" to have it decided anew.
	Contested(ctx context.Context) ([]Contest, error)
	Decide(ctx context.Context, id, keep string) error

	// Workers is how many syncs run. Start starts one that runs until it is killed or asked to stop, and Ended says whether
	// it has ended by itself.
	Workers() int
	Start(worker int) error
	Kill(worker int)
	Stop(worker int, patience time.Duration) error
	Ended(worker int) (code int, ended bool)

	// Cut breaks all connections between accord and the vendors, or those of the event stream alone.
	Cut(streamOnly bool)
	Close() error
}

// Contest is something that accord leaves to a person.
type Contest struct{ ID, Object, Reason, Detail, Remedy string }
