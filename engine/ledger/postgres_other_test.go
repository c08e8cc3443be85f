//go:build !unix

package ledger_test

import "testing"

// No PostgreSQL is started here.
type cluster struct{}

var postgres cluster

func (cluster) url(t testing.TB) string {
	t.Skip("no PostgreSQL to test with: a temporary one is started on Unix only")
	return ""
}

func (cluster) stop() {}
