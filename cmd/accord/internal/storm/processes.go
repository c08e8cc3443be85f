package storm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"accord/cmd/accord/internal/people"
)

// Processes is the stage of real processes: the emulators as one, each command of accord as another, all over TCP.
type Processes struct {
	Command func(args ...string) *exec.Cmd // accord, not started
	Dir     string                         // an empty folder, for everything
	Seed    uint64
	Ledger  string // a URL of PostgreSQL, which two workers share; "": SQLite, and one worker

	org    string
	port   int
	hook   string
	vars   map[string]string
	relays map[string]*relay
	child  *process // the emulators
	syncs  [2]*process
}

var _ Stage = (*Processes)(nil)

// process is a child that ends when it is killed, when it is asked to, or by itself.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once ended
}

// start runs accord with arguments; what it says goes to the end of a file.
func (p *Processes) start(log string, vars []string, args ...string) (*process, error) {
	f, err := os.OpenFile(filepath.Join(p.Dir, log), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(f, "--- %s accord %s\n", time.Now().Format("15:04:05.000"), strings.Join(args, " "))
	if p.Ledger != "" && args[0] != "emulate" {
		args = append(args, "--ledger", p.Ledger)
	}
	child := &process{cmd: p.Command(args...), ended: make(chan struct{})}
	child.cmd.Dir, child.cmd.Stdout, child.cmd.Stderr = p.folder(), f, f
	child.cmd.Env = append(os.Environ(), vars...)
	if err := child.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start accord %s: %w", args[0], err), f.Close())
	}
	go func() {
		child.err = child.cmd.Wait()
		_ = f.Close() // all of it was written by the child
		close(child.ended)
	}()
	return child, nil
}

// folder is where the contract and the ledger are.
func (p *Processes) folder() string { return filepath.Join(p.Dir, "contract") }

// kill ends it as a power cut would, and waits until it is gone.
func (c *process) kill() {
	_ = c.cmd.Process.Kill() // fails when it has ended by itself
	<-c.ended
}

// stop asks it to end, and kills it when it does not in time.
func (c *process) stop(patience time.Duration) error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended by itself
	select {
	case <-c.ended:
		return nil
	case <-time.After(patience):
		c.kill()
		return fmt.Errorf("accord %s did not stop within %s of being asked to", c.cmd.Args[1], patience)
	}
}

// wait waits for the end, for so long.
func (c *process) wait(patience time.Duration) (code int, err error) {
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		c.kill()
		return -1, fmt.Errorf("accord %s was not done within %s", strings.Join(c.cmd.Args[1:], " "), patience)
	}
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
			l, err := net.Listen("tcp", local(port+i))
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

func local(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }

// Open starts the emulators, and relays in front of them and of accord.
func (p *Processes) Open(ctx context.Context, org string, ear *Ear) error {
	p.org, p.relays = org, map[string]*relay{}
	for _, dir := range []string{p.folder(), filepath.Join(p.Dir, "state")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var err error
	if p.port, err = freePorts(4); err != nil {
		return err
	}
	port, err := freePorts(1)
	if err != nil {
		return err
	}
	p.hook = local(port)
	if err := p.serve(ctx); err != nil {
		return err
	}
	for name, r := range map[string]struct {
		to     string
		vendor Vendor
	}{"monday": {local(p.port), Monday}, "salesforce": {local(p.port + 1), Salesforce}, "stream": {local(p.port + 2), Salesforce}, "hook": {p.hook, Monday}} {
		if p.relays[name], err = newRelay(ear, r.to, r.vendor, name == "hook"); err != nil {
			return err
		}
	}
	return nil
}

// serve starts the emulators, from their state where there is one, and waits until they serve.
func (p *Processes) serve(ctx context.Context) error {
	env := filepath.Join(p.Dir, "vendors.env")
	if err := os.Remove(env); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	child, err := p.start("vendors.log", nil, "emulate", "--data", p.org, "--state", filepath.Join(p.Dir, "state"), "--port", fmt.Sprint(p.port),
		"--seed", fmt.Sprint(p.Seed), "--env-file", env)
	if err != nil {
		return err
	}
	p.child = child
	for {
		text, err := os.ReadFile(env)
		if err == nil {
			p.vars = map[string]string{}
			lines := bufio.NewScanner(bytes.NewReader(text))
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), "=")
				p.vars[name] = value
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

// Vars are the variables that the emulators have written.
func (p *Processes) Vars() map[string]string { return p.vars }

// Client is the ordinary one.
func (p *Processes) Client() *http.Client { return http.DefaultClient }

// Hook is the relay in front of accord, and accord's own address.
func (p *Processes) Hook() (url, listen string) {
	return "http://" + p.relays["hook"].address() + "/hooks/monday", p.hook
}

// Freeze asks the emulators to.
func (p *Processes) Freeze(ctx context.Context) error {
	if err := new(people.People).Call(ctx, http.MethodPost, p.vars["EMULATOR_ADMIN"]+"/freeze", "", nil, nil); err != nil {
		return fmt.Errorf("freeze the emulators: %w", err)
	}
	return nil
}

// Revive kills the emulators and starts them again.
func (p *Processes) Revive(ctx context.Context, pause time.Duration) error {
	p.child.kill()
	time.Sleep(pause)
	return p.serve(ctx)
}

// accordVars are accord's environment: the vendors' own, with their addresses at the ear.
func (p *Processes) accordVars() []string {
	var list []string
	for name, value := range p.vars {
		switch name {
		case "MONDAY_URL":
			value = "http://" + p.relays["monday"].address() + "/v2"
		case "SF_URL":
			value = "http://" + p.relays["salesforce"].address()
		case "SF_PUBSUB":
			value = p.relays["stream"].address()
		}
		list = append(list, name+"="+value)
	}
	return list
}

// Apply writes the contract and runs accord apply.
func (p *Processes) Apply(_ context.Context, contract string, patience time.Duration) (code int, err error) {
	if err := os.WriteFile(filepath.Join(p.folder(), "storm.accord.hcl"), []byte(contract), 0o600); err != nil {
		return -1, err
	}
	return p.run(patience, "apply", "--auto-approve")
}

// Once runs accord sync --once.
func (p *Processes) Once(_ context.Context, patience time.Duration) (code int, err error) {
	return p.run(patience, "sync", "--once")
}

// run runs a command to its end.
func (p *Processes) run(patience time.Duration, args ...string) (code int, err error) {
	child, err := p.start("commands.log", p.accordVars(), args...)
	if err != nil {
		return -1, err
	}
	return child.wait(patience)
}

// Workers are two where they can share a ledger.
func (p *Processes) Workers() int {
	if p.Ledger != "" {
		return 2
	}
	return 1
}

// Start runs accord sync.
func (p *Processes) Start(worker int) (err error) {
	p.syncs[worker], err = p.start(fmt.Sprintf("sync%d.log", worker), p.accordVars(), "sync", "--sweep", "2s", "--log-level", "info")
	return err
}

// Kill is kill -9.
func (p *Processes) Kill(worker int) {
	if p.syncs[worker] != nil {
		p.syncs[worker].kill()
	}
}

// Stop is SIGTERM.
func (p *Processes) Stop(worker int, patience time.Duration) error {
	return p.syncs[worker].stop(patience)
}

// Ended says whether accord sync has ended.
func (p *Processes) Ended(worker int) (code int, ended bool) {
	select {
	case <-p.syncs[worker].ended:
		return p.syncs[worker].cmd.ProcessState.ExitCode(), true
	default:
		return 0, false
	}
}

// tell runs a command of accord's to its end, and gives what it says.
func (p *Processes) tell(args ...string) (string, error) {
	if p.Ledger != "" {
		args = append(args, "--ledger", p.Ledger)
	}
	cmd := p.Command(args...)
	cmd.Dir, cmd.Env = p.folder(), append(os.Environ(), p.accordVars()...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("accord %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return string(out), err
}

// Contested reads accord conflicts.
func (p *Processes) Contested(context.Context) (contests []Contest, err error) {
	text, err := p.tell("conflicts", "list", "--json")
	if err != nil {
		return nil, err
	}
	var list []struct {
		ID                     int64
		Object, Reason, Detail string
		Remedy                 string `json:"to_do"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("read accord conflicts: %w", err)
	}
	for _, c := range list {
		contests = append(contests, Contest{ID: fmt.Sprint(c.ID), Object: c.Object, Reason: c.Reason, Detail: c.Detail, Remedy: c.Remedy})
	}
	return contests, nil
}

// Decide resolves a conflict.
func (p *Processes) Decide(_ context.Context, id, keep string) error {
	args := []string{"conflicts", "resolve", id}
	if keep != "" {
		args = append(args, "--keep", keep)
	}
	_, err := p.tell(args...)
	return err
}

// Cut breaks connections at the relays.
func (p *Processes) Cut(streamOnly bool) {
	for name, r := range p.relays {
		if !streamOnly || name == "stream" {
			r.cut()
		}
	}
}

// Close ends every process that was started.
func (p *Processes) Close() error {
	for n := range p.syncs {
		p.Kill(n)
	}
	var failed error
	if p.child != nil {
		failed = p.child.stop(20 * time.Second)
	}
	for _, r := range p.relays {
		failed = errors.Join(failed, r.close())
	}
	return failed
}
