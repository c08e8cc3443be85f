package view

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"accord/engine/pipeline"
)

// Meter shows how far a sync is: one line that is redrawn on a terminal, a line every ten seconds elsewhere.
type Meter struct {
	out      io.Writer
	style    Style
	clock    func() time.Time
	terminal bool
	started  time.Time

	mu    sync.Mutex
	last  time.Time
	drawn bool
	total map[string]pipeline.Progress
}

const (
	redraw = 100 * time.Millisecond
	report = 10 * time.Second
)

// NewMeter makes one; it shows nothing until there is progress.
func NewMeter(out io.Writer, s Style, clock func() time.Time) *Meter {
	f, ok := out.(*os.File)
	now := clock()
	return &Meter{
		out: out, style: s, clock: clock, started: now, last: now,
		terminal: ok && term.IsTerminal(int(f.Fd())), total: map[string]pipeline.Progress{},
	}
}

// Progress takes in where one object stands.
func (m *Meter) Progress(p pipeline.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total[p.Object] = p
	now := m.clock()
	every := report
	if m.terminal {
		every = redraw
	}
	if now.Sub(m.last) < every {
		return
	}
	m.last = now
	m.draw(p, now)
}

func (m *Meter) draw(p pipeline.Progress, now time.Time) {
	text := fmt.Sprintf("%s  %-8s %-8s  %s seen, %s decided, %s written", Duration(now.Sub(m.started)), line(p.Object), line(p.Phase),
		Number(p.Captured), Number(p.Resolved), Number(p.Delivered))
	if m.terminal {
		fmt.Fprintf(m.out, "\r\x1b[K%s", text)
		m.drawn = true
		return
	}
	fmt.Fprintln(m.out, text)
}

// Done removes the line.
func (m *Meter) Done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drawn {
		fmt.Fprint(m.out, "\r\x1b[K")
		m.drawn = false
	}
}
