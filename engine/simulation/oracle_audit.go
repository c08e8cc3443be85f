package simulation

import (
	"context"
	"strings"

	"accord/engine/ledger"
)

// audited: the log of calls is whole, and every write that a vendor carried out has its entry.
func (w *world) audited(ctx context.Context, l *ledger.Ledger) {
	report, err := l.VerifyAudit(ctx)
	if err != nil || !report.OK() {
		w.complain("audit", "the log of calls is broken: %+v, %v", report, err)
		return
	}
	entries, err := l.AuditEntries(ctx, 0, 0)
	if err != nil {
		w.complain("audit", "the log of calls can't be read: %v", err)
		return
	}
	known := map[[2]string]bool{}
	for _, e := range entries {
		if _, batch, ok := strings.Cut(e.Request, "batch "); ok {
			batch, _, _ = strings.Cut(batch, ",")
			known[[2]string{e.Connection, batch}] = true
		}
	}
	for _, h := range w.history {
		if !h.user && !known[[2]string{connections[h.side], h.batch}] {
			w.complain("audit", "%s of %s was written in batch %q, and no call of that batch is in the log", h.op, h.id, h.batch)
		}
	}
}
