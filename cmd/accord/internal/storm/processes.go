package storm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child that ends when it is killed, when it is asked to, or by itself.
type process struct {
	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{}
	err   error // once ended
}

// start runs accord with arguments; what it says goes to the end of a file.
func (s *storm) start(log string, vars []string, args ...string) (*process, error) {
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, log), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(f, "--- %s accord %s\n", time.Now().Format("15:04:05.000"), strings.Join(args, " "))
	p := &process{cmd: s.cfg.Command(args...), log: f, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.contract, f, f
	p.cmd.Env = append(os.Environ(), vars...)
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start accord %s: %w", args[0], err), f.Close())
	}
	go func() {
		p.err = p.cmd.Wait()
		_ = f.Close() // all of it was written by the child
		close(p.ended)
	}()
	return p, nil
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends it as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended by itself
	<-p.ended
}

// stop asks it to end, and kills it when it does not in time.
func (p *process) stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended by itself
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("accord %s did not stop within %s of being asked to", p.cmd.Args[1], patience)
	}
}

// wait waits for the end, for so long.
func (p *process) wait(patience time.Duration) (code int, err error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		p.kill()
		return -1, fmt.Errorf("accord %s was not done within %s", strings.Join(p.cmd.Args[1:], " "), patience)
	}
}

// vendors is the process that emulates both.
type vendors struct {
	s     *storm
	port  int
	vars  map[string]string
	child *process
	mu    sync.Mutex // held while they are down
	// rows were written before the last restart, as its counters said: a restart forgets them.
	rows [2]int
	// kinds counts the faults that were played before it.
	kinds map[string]int
}

// freePorts finds so many ports in a row that nobody listens on.
func freePorts(n int) (int, error) {
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		taken := []net.Listener{first}
		for i := 1; i < n; i++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+i))
			if err != nil {
				break
			}
			taken = append(taken, l)
		}
		for _, l := range taken {
			if err := l.Close(); err != nil {
				return 0, err
			}
		}
		if len(taken) == n {
			return port, nil
		}
	}
	return 0, fmt.Errorf("there are no %d free ports in a row", n)
}

// serve starts the emulators, from their state where there is one, and waits until they serve.
func (v *vendors) serve(ctx context.Context) error {
	env := filepath.Join(v.s.cfg.Dir, "vendors.env")
	if err := os.Remove(env); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	child, err := v.s.start("vendors.log", nil, "emulate", "--data", v.s.data, "--state", v.s.state, "--port", fmt.Sprint(v.port),
		"--seed", fmt.Sprint(v.s.cfg.Seed), "--env-file", env)
	if err != nil {
		return err
	}
	v.child = child
	for {
		text, err := os.ReadFile(env)
		if err == nil {
			v.vars = map[string]string{}
			lines := bufio.NewScanner(bytes.NewReader(text))
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), "=")
				v.vars[name] = value
			}
			return lines.Err()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the emulators: %w", ctx.Err())
		case <-child.ended:
			return fmt.Errorf("the emulators ended while they were started: %w", child.err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// counters are those that the judges look at.
type counters struct {
	Monday struct {
		Calls        int `json:"calls"`
		ItemsWritten int `json:"items_written"`
		FaultsPlayed int `json:"faults_played"`
	} `json:"monday"`
	Salesforce struct {
		Calls       int `json:"calls"`
		RowsWritten int `json:"rows_written"`
	} `json:"salesforce"`
}

// written is how many rows were written on each side, by anybody, since the storm began.
func (v *vendors) written(ctx context.Context) (rows [2]int, err error) {
	var c counters
	if err := v.admin(ctx, "GET", "/counters", nil, &c); err != nil {
		return rows, err
	}
	return [2]int{salesforce: v.rows[salesforce] + c.Salesforce.RowsWritten, monday: v.rows[monday] + c.Monday.ItemsWritten}, nil
}

// admin asks the emulators for what no vendor has.
func (v *vendors) admin(ctx context.Context, method, path string, body, into any) error {
	return v.s.people.Call(ctx, method, v.vars["EMULATOR_ADMIN"]+path, "", body, into)
}

// restart kills the emulators, with all that they were asked and have not answered, and starts them again after a while.
func (v *vendors) restart(ctx context.Context, pause time.Duration) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.admin(ctx, "POST", "/freeze", nil, nil); err != nil {
		return fmt.Errorf("freeze the emulators: %w", err)
	}
	rows, err := v.written(ctx)
	if err != nil {
		return err
	}
	v.child.kill()
	v.rows = rows
	time.Sleep(pause)
	return v.serve(ctx)
}

// engine is accord's sync: one process after another.
type engine struct {
	s     *storm
	mu    sync.Mutex
	child *process
	// ends are when a process of it was killed or ended by itself.
	ends  []time.Time
	exits int // how often it ended by itself
	stays bool
}

func (e *engine) begin() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	child, err := e.s.start("sync.log", e.s.vars(), "sync", "--sweep", "2s", "--log-level", "info")
	if err != nil {
		return err
	}
	e.child = child
	return nil
}

// died notes that no process of accord's lived past a moment.
func (e *engine) died() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ends = append(e.ends, time.Now())
}

// down says whether a process of accord's died within a span.
func (e *engine) down(from, to time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.ends {
		if !at.Before(from) && !at.After(to) {
			return true
		}
	}
	return false
}

// supervise starts accord again whenever it has ended by itself, as an init system does.
func (e *engine) supervise() error {
	if e.child.alive() {
		return nil
	}
	e.died()
	e.exits++
	code := e.child.cmd.ProcessState.ExitCode()
	e.s.say("accord sync ended by itself, with %d", code)
	if code == 2 || code == 11 {
		return fmt.Errorf("accord sync crashed with %d: see sync.log", code)
	}
	return e.begin()
}

// run runs a command to its end.
func (s *storm) run(patience time.Duration, args ...string) (code int, err error) {
	p, err := s.start("commands.log", s.vars(), args...)
	if err != nil {
		return -1, err
	}
	return p.wait(patience)
}
