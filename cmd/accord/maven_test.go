package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/people"
	"accord/engine/ledger"
	"accord/examples"
)

// mavenDir holds a real CRM's data: 85 accounts, 8,800 opportunities, the agents as users. It is read in place.
var mavenDir = filepath.Join("..", "..", "..", "shared", "data", "maven-crm")

// stand is both vendors, emulated in this process, and a folder with a contract; accord itself runs as a process of its
// own, as a user would run it.
type stand struct {
	t    *testing.T
	dir  string
	e    *emulation.Emulation
	demo *demo // calls the vendors' APIs as people do
	vars []string
}

func newStand(t *testing.T, data string) *stand {
	t.Helper()
	if _, err := os.Stat(data); err != nil {
		t.Skipf("skipped: the data of %s is not here", filepath.Base(data))
	}
	return standWith(t, emulation.Options{DataDir: data, Seed: 1, Plan: "enterprise", Logger: hclog.NewNullLogger()})
}

// standWith is a stand with vendors of its own kind.
func standWith(t *testing.T, o emulation.Options) *stand {
	t.Helper()
	e, err := emulation.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Log(err)
		}
	})
	s := &stand{t: t, dir: t.TempDir(), e: e, demo: &demo{emulated: e}}
	for _, name := range []string{"connections.accord.hcl", "handoff.accord.hcl"} {
		content, err := examples.FS.ReadFile("handoff/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hook, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s.vars = []string{"ACCORD_VAR_webhook_url=http://" + hook + "/hooks/monday"}
	for _, v := range e.Env() {
		s.vars = append(s.vars, v.Name+"="+v.Value)
	}
	return s
}

// command is accord with arguments, in the contract's folder.
func (s *stand) command(args ...string) *exec.Cmd {
	cmd := exec.Command("accord", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.vars...)
	return cmd
}

// accord runs to the end and returns what it printed, and its exit code.
func (s *stand) accord(args ...string) (string, int) {
	s.t.Helper()
	var out bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	s.t.Logf("accord %s: exit %d after %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), time.Since(began).Round(time.Millisecond))
	return out.String(), cmd.ProcessState.ExitCode()
}

// must runs accord and wants it to end well.
func (s *stand) must(args ...string) string {
	s.t.Helper()
	out, code := s.accord(args...)
	if code != 0 {
		s.t.Fatalf("accord %s ended with %d:\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// item is one item of a board, by the API.
type item = people.Item

// items pages through a board by its name.
func (s *stand) items(board string) []item {
	s.t.Helper()
	id, err := s.demo.people().Board(s.t.Context(), board)
	if err != nil || id == "" {
		s.t.Fatalf("find the board %s: %q, %v", board, id, err)
	}
	list, err := s.demo.people().Items(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// records pages through a query, by the API.
func (s *stand) records(query string) []map[string]any {
	s.t.Helper()
	rows, err := s.demo.soql(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// loaded is a stand with the maven data, the contract applied and the first sync done.
func loaded(t *testing.T) *stand {
	t.Helper()
	s := newStand(t, mavenDir)
	s.must("apply", "--auto-approve")
	s.must("sync", "--once")
	return s
}

// check compares both vendors with each other under the contract, through their APIs only.
func (s *stand) check() (clients, deals int) {
	s.t.Helper()
	byKey := func(list []item) map[string]item {
		m := map[string]item{}
		for _, i := range list {
			key := i.Values["salesforce_id"]
			if old, twice := m[key]; twice {
				s.t.Errorf("record %s has two items: %s and %s", key, old.ID, i.ID)
			}
			m[key] = i
		}
		return m
	}
	same := func(what, got, want string) {
		s.t.Helper()
		if got != want {
			s.t.Errorf("%s is %q in monday, and %q in Salesforce", what, got, want)
		}
	}
	clientItems := byKey(s.items("Clients"))
	for _, r := range s.records("SELECT Id, Name, Industry, Website, Monday_Item_Id__c FROM Account") {
		i, ok := clientItems[text(r["Id"])]
		if !ok {
			s.t.Errorf("account %s has no item", r["Id"])
			continue
		}
		same("the item id of "+i.ID, i.ID, text(r["Monday_Item_Id__c"]))
		same("the name of "+i.ID, i.Name, text(r["Name"]))
		same("the industry of "+i.ID, i.Values["industry"], text(r["Industry"]))
		same("the website of "+i.ID, i.Values["website"], text(r["Website"]))
	}
	owners := map[string]string{}
	for _, r := range s.records("SELECT Id, Name FROM User") {
		owners[text(r["Id"])] = text(r["Name"])
	}
	dealItems := byKey(s.items("Deals"))
	stages := map[string]string{"Closed Won": "Won", "Closed Lost": "Lost", "Negotiation/Review": "Negotiating", "Prospecting": "Open", "Qualification": "Open"}
	won := 0
	for _, r := range s.records("SELECT Id, Name, AccountId, StageName, Amount, OwnerId, CloseDate, Delivery_Start__c, Delivery_Progress__c, NextStep, Monday_Item_Id__c FROM Opportunity") {
		i, ok := dealItems[text(r["Id"])]
		if text(r["StageName"]) == "Closed Won" {
			won++
			if !ok {
				s.t.Errorf("opportunity %s is won, and has no item", r["Id"])
			}
		}
		if !ok {
			continue
		}
		same("the item id of "+i.ID, i.ID, text(r["Monday_Item_Id__c"]))
		same("the name of "+i.ID, i.Name, text(r["Name"]))
		same("the stage of "+i.ID, i.Values["stage"], stages[text(r["StageName"])])
		same("the amount of "+i.ID, i.Values["amount"], amountText(r["Amount"]))
		same("the manager of "+i.ID, i.Values["account_manager"], owners[text(r["OwnerId"])])
		same("the client of "+i.ID, i.Values["client"], clientItems[text(r["AccountId"])].ID)
		same("the progress of "+i.ID, i.Values["progress"], amountText(r["Delivery_Progress__c"]))
		same("the next step of "+i.ID, i.Values["next_step"], text(r["NextStep"]))
		want := ""
		if from, to := text(r["Delivery_Start__c"]), text(r["CloseDate"]); from+to != "" {
			want = from + "/" + to
		}
		if !strings.Contains(want, "/") || !strings.HasPrefix(want, "/") {
			same("the delivery of "+i.ID, i.Values["delivery"], want)
		}
	}
	return len(clientItems), len(dealItems)
}

// amountText is a JSON number as monday shows it: no trailing zeros.
func amountText(v any) string {
	if v == nil {
		return ""
	}
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		return err.Error()
	}
	t := strconv.FormatFloat(n, 'f', 4, 64)
	return strings.TrimRight(strings.TrimRight(t, "0"), ".")
}

func TestMavenFirstSync(t *testing.T) {
	s := newStand(t, mavenDir)
	out, code := s.accord("plan", "--detailed-exitcode")
	if code != exitChanges {
		t.Fatalf("the first plan ended with %d:\n%s", code, out)
	}
	s.must("apply", "--auto-approve")
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()
	s.must("sync", "--once")
	clients, deals := s.check()
	if clients != 85 || deals != 4238 {
		t.Errorf("%d clients and %d deals, want 85 and 4238", clients, deals)
	}
	writes := s.writes()
	t.Logf("first sync: %+v", writes)
	for system, n := range writes.calls {
		if n*25 > writes.rows[system] {
			t.Errorf("%s: %d calls for %d records, more than one for 25", system, n, writes.rows[system])
		}
	}

	if out, code := s.accord("plan", "--detailed-exitcode"); code != exitDone || !strings.Contains(out, "No changes.") {
		t.Errorf("the second plan ended with %d:\n%s", code, out)
	}
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()
	s.must("sync", "--once")
	if w := s.writes(); w.rows["monday"]+w.rows["salesforce"] != 0 {
		t.Errorf("the second sync wrote: %+v", w)
	}
	s.compareWhole(s.writes())
}

// compareWhole has everything compared, and measures what that costs above a sync that only sweeps.
func (s *stand) compareWhole(sweep written) {
	s.t.Helper()
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()
	out := s.must("sync", "--once", "--verify")
	w := s.writes()
	cost := [2]int{w.calls["salesforce"] - sweep.calls["salesforce"], w.calls["monday"] - sweep.calls["monday"]}
	s.t.Logf("a full comparison took %d calls of Salesforce and %d of monday:\n%s", cost[0], cost[1], out)
	// 8,800 opportunities and 85 accounts by 2,000; 4,238 deals and 85 clients by 500.
	if want := [2]int{6, 10}; cost[0] > want[0] || cost[1] > want[1] {
		s.t.Errorf("a full comparison took %d calls, want at most %d", cost, want)
	}
	if w.rows["monday"]+w.rows["salesforce"] != 0 || !strings.Contains(out, "8,800 + 4,238 records") || strings.Count(out, "0 divergent fields") != 2 ||
		!strings.Contains(out, "deal: 8,800 changes = 4,238 synced + 4,562 ignored\n") {
		s.t.Errorf("the comparison: %+v\n%s", w, out)
	}
}

// written counts what accord wrote.
type written struct{ calls, rows map[string]int }

// writes reads the emulators' counters. Calls are all calls, reading ones too: more than those that the mark is about.
func (s *stand) writes() written {
	m, f := s.e.Monday.Counters(), s.e.Salesforce.Counters()
	w := written{calls: map[string]int{}, rows: map[string]int{"monday": int(m.ItemsWritten), "salesforce": f.RowsWritten}}
	w.calls["monday"] = int(m.Calls)
	w.calls["salesforce"] = f.Calls
	return w
}

func TestMavenRandomEditsBothWays(t *testing.T) {
	s := loaded(t)
	running := s.command("sync", "--log-level", "warn")
	var log bytes.Buffer
	running.Stdout, running.Stderr = &log, &log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	s.waitForSync()
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()

	began := time.Now()
	r := rand.New(rand.NewPCG(7, 7))
	pairs, err := s.demo.pairs(t.Context(), "Opportunity", 1000)
	if err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	const edits = 200
	for i := range edits {
		if err := s.demo.patch(t.Context(), "Opportunity", pairs[i].record, pickSalesforceEdit(r)); err != nil {
			t.Fatal(err)
		}
		if err := s.demo.change(t.Context(), pairs[edits+i].item, pickMondayEdit(r)); err != nil {
			t.Fatal(err)
		}
	}
	s.waitUntilAgreed(edits)
	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := running.Wait(); err != nil {
		t.Errorf("the sync did not stop cleanly: %v\n%s", err, log.String())
	}
	s.check()
	// Every edit was one write by a person; whatever else was written, accord wrote.
	w := s.writes()
	t.Logf("after %d edits on each side: %+v", edits, w.rows)
	if got := w.rows["monday"] - edits; got > edits {
		t.Errorf("accord wrote %d items for %d edits in Salesforce", got, edits)
	}
	if got := w.rows["salesforce"] - edits; got > edits {
		t.Errorf("accord wrote %d rows for %d edits in monday", got, edits)
	}
	if t.Failed() {
		s.writtenTwice(began)
	}
}

// writtenTwice shows the pairs that were written more than once since a moment, and how.
func (s *stand) writtenTwice(since time.Time) {
	s.t.Helper()
	l, err := ledger.Open(s.t.Context(), ledger.Config{URL: "sqlite:" + filepath.Join(s.dir, ".accord", "ledger.db")})
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	writes, err := l.Writes(s.t.Context(), "deal", since, 100_000)
	if err != nil {
		s.t.Fatal(err)
	}
	byPair := map[string][]ledger.Write{}
	for _, w := range writes {
		byPair[w.PairID] = append(byPair[w.PairID], w)
	}
	for id, list := range byPair {
		if len(list) < 2 {
			continue
		}
		s.t.Logf("pair %s was written %d times, newest first:", id, len(list))
		for _, w := range list {
			s.t.Logf("   %s %s %s: %v -> %v (%s, batch %s)", w.At.Format(time.RFC3339Nano), w.Side, w.RecordID, w.Before, w.After, w.Cause, w.BatchID)
		}
	}
}

func pickSalesforceEdit(r *rand.Rand) map[string]any {
	switch r.IntN(4) {
	case 0:
		return map[string]any{"Amount": float64(r.IntN(1_000_000)+1) / 4}
	case 1:
		return map[string]any{"NextStep": fmt.Sprintf("call back %d, then “wait”", r.IntN(1_000_000))}
	case 2:
		return map[string]any{"Name": fmt.Sprintf("renamed & re-scoped %d", r.IntN(1_000_000))}
	default:
		return map[string]any{"StageName": "Negotiation/Review", "Amount": r.IntN(5000) + 10_000}
	}
}

func pickMondayEdit(r *rand.Rand) map[string]any {
	if r.IntN(2) == 0 {
		return map[string]any{"progress": fmt.Sprint(r.IntN(100) + 1)}
	}
	return map[string]any{"next_step": fmt.Sprintf("delivery says %d", r.IntN(1_000_000))}
}

// waitForSync waits until a running sync listens.
func (s *stand) waitForSync() {
	s.t.Helper()
	hook := strings.TrimSuffix(strings.TrimPrefix(s.vars[0], "ACCORD_VAR_webhook_url="), "/hooks/monday")
	s.eventually("the sync listens", func(ctx context.Context) bool {
		var answer map[string]any
		return s.demo.people().Call(ctx, "POST", hook+"/hooks/monday", "", map[string]any{"challenge": "x"}, &answer) == nil && answer["challenge"] == "x"
	})
}

// eventually waits until something holds.
func (s *stand) eventually(what string, holds func(context.Context) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			s.t.Fatalf("waited a minute for this: %s", what)
		case <-tick.C:
		}
	}
}

// waitUntilAgreed waits until accord has written as many records on each side as were edited on the other, and the
// counters rest.
func (s *stand) waitUntilAgreed(edits int) {
	s.t.Helper()
	s.eventually("the edits have crossed", func(context.Context) bool {
		w := s.writes()
		return w.rows["monday"] >= 2*edits && w.rows["salesforce"] >= 2*edits
	})
	last, rest := written{}, 0
	s.eventually("both sides are quiet", func(context.Context) bool {
		w := s.writes()
		if fmt.Sprint(w.rows) != fmt.Sprint(last.rows) {
			last, rest = w, 0
		}
		rest++
		return rest > 40
	})
}

func TestMavenKilledDuringTheFirstSync(t *testing.T) {
	s := newStand(t, mavenDir)
	s.must("apply", "--auto-approve")
	r := rand.New(rand.NewPCG(3, uint64(time.Now().UnixNano())))
	kills := 0
	for range 10 {
		cmd := s.command("sync", "--once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(time.Duration(200+r.IntN(1800)) * time.Millisecond):
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-ended
			kills++
		}
	}
	s.must("sync", "--once")
	t.Logf("killed %d times", kills)
	if kills == 0 {
		t.Error("no run was killed: the first sync ended too soon for this test to say anything")
	}
	if clients, deals := s.check(); clients != 85 || deals != 4238 {
		t.Errorf("%d clients and %d deals, want 85 and 4238", clients, deals)
	}
}

// TestMavenAgainstTheFiles reads the source files themselves: what the emulated org holds is what they say.
func TestMavenAgainstTheFiles(t *testing.T) {
	s := newStand(t, mavenDir)
	f, err := os.Open(filepath.Join(mavenDir, "sales_pipeline.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]map[string]any{}
	for _, r := range s.records("SELECT Id, Name, StageName, Amount, CloseDate, Account.Name, Owner.Name FROM Opportunity") {
		byName[text(r["Name"])] = r
	}
	if len(byName) != len(rows)-1 {
		t.Fatalf("%d opportunities by name, want %d", len(byName), len(rows)-1)
	}
	nested := func(v any) string {
		m, _ := v.(map[string]any)
		return text(m["Name"])
	}
	for _, row := range rows[1:] {
		r := byName[row[0]]
		got := []string{nested(r["Owner"]), nested(r["Account"]), text(r["CloseDate"]), amountText(r["Amount"])}
		want := []string{row[1], row[3], row[6], row[7]}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %q, want %q", row[0], got, want)
			}
		}
	}
}
