//go:build !unix

package ledgertest

import "testing"

// Postgres is none here.
type Postgres struct{}

// Missing says why there is none.
func (c *Postgres) Missing() string { return "no temporary PostgreSQL on this system" }

// URL skips the test.
func (*Postgres) URL(t testing.TB) string {
	t.Skip("no PostgreSQL to test with: a temporary one is started on Unix only")
	return ""
}

// Close does nothing.
func (*Postgres) Close() {}
