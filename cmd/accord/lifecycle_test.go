package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/org"
)

// lives is a stand whose records come and go, and which learns of it either by events alone or by sweeps alone.
type lives struct {
	*stand
	events bool
	stop   func()
	spare  []map[string]any // accounts that no story has had yet
	admin  string
	marks  int
}

// story is one thing that happens to a record and its partner.
type story struct {
	name  string
	swept bool // no vendor tells of it by an event
	tell  func(*lives)
}

// TestLifecycle has records come and go in every way on both sides, twice: with events alone to tell, and with sweeps alone.
func TestLifecycle(t *testing.T) {
	for name, events := range map[string]bool{"by events": true, "by sweeps": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if _, err := org.Write(dir, org.Options{Seed: 5, Users: 4, Accounts: 40, Contacts: 1, Opportunities: 1, Today: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}); err != nil {
				t.Fatal(err)
			}
			s := standWith(t, emulation.Options{DataDir: dir, Seed: 1, Plan: "enterprise", Logger: hclog.NewNullLogger()})
			s.clientsOnly(`    where       = "Rating = null"`, `
  create "monday" {}
  delete {
    salesforce = archive
    monday     = keep
  }
`)
			s.must("apply", "--auto-approve")
			s.must("sync", "--once")
			admin, ok := s.e.Salesforce.FindUser("Avery Admin")
			if !ok {
				t.Fatal("the org has no administrator")
			}
			l := &lives{stand: s, events: events, admin: admin.ID, stop: func() {}}
			l.refill()
			if events {
				l.start()
			}
			for _, st := range stories {
				if st.swept && events {
					continue
				}
				t.Run(st.name, func(sub *testing.T) {
					s.t = sub
					defer func() { s.t = t }()
					st.tell(l)
				})
			}
			l.stop()
			if out := s.must("deadletters", "list"); strings.Contains(out, "client") {
				t.Errorf("dead letters:\n%s", out)
			}
			s.must("sync", "--once")
			before := s.e.Monday.Counters().ItemsWritten
			s.must("sync", "--once")
			if n := s.e.Monday.Counters().ItemsWritten; n != before {
				t.Errorf("a sync with nothing to do wrote %d items", n-before)
			}
		})
	}
}

// start runs a sync that is told everything by events.
func (l *lives) start() {
	l.t.Helper()
	cmd := l.command("sync", "--sweep", "24h")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.waitForSync()
	l.stop = func() {
		l.stop = func() {}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			l.t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			l.t.Errorf("the sync did not stop cleanly: %v\n%s", err, log.String())
		}
	}
}

// pause stops the sync while do is done, so that what it does is learnt of at once.
func (l *lives) atOnce(do func()) {
	l.t.Helper()
	if l.events {
		l.stop()
		do()
		l.start()
		return
	}
	do()
}

// until waits, or sweeps, until something is so.
func (l *lives) until(what string, so func() bool) {
	l.t.Helper()
	if l.events {
		l.eventually(what, func(context.Context) bool { return so() })
		return
	}
	for range 3 {
		l.must("sync", "--once")
		if so() {
			return
		}
	}
	l.t.Fatalf("not so after three sweeps: %s\n%s", what, l.must("conflicts", "list"))
}

// settled lets everything that is to come of an edit come, and says that it did by an edit of another record.
func (l *lives) settled() {
	l.t.Helper()
	id := text(l.marker()["Id"])
	mark := fmt.Sprint("mark ", l.counter())
	l.edit("Account", id, map[string]any{"Name": mark})
	l.until("a marked edit crosses", func() bool { return l.item(l.itemOf(id)).Name == mark })
}

func (l *lives) counter() int { l.marks++; return l.marks }

func (l *lives) marker() map[string]any { return l.spare[len(l.spare)-1] }

// refill reads the accounts that have an item.
func (l *lives) refill() {
	l.spare = l.records("SELECT Id, Name, Monday_Item_Id__c FROM Account WHERE Monday_Item_Id__c != null AND Rating = null ORDER BY Id")
}

// take is an account with an item, that no other story has.
func (l *lives) take() (account, item string) {
	l.t.Helper()
	if len(l.spare) < 2 {
		l.t.Fatal("no account is left")
	}
	a := l.spare[0]
	l.spare = l.spare[1:]
	return text(a["Id"]), text(a["Monday_Item_Id__c"])
}

func (l *lives) field(account, name string) string {
	l.t.Helper()
	r, _ := l.e.Salesforce.Record("Account", account)
	return text(r[name])
}

func (l *lives) itemOf(account string) string { return l.field(account, "Monday_Item_Id__c") }

type seenItem struct {
	Name, State, Key, Note, Health string
}

func (l *lives) item(id string) seenItem {
	l.t.Helper()
	n, _ := strconv.ParseInt(id, 10, 64)
	i, err := l.e.Monday.Item(n)
	if err != nil {
		return seenItem{State: "none"}
	}
	return seenItem{Name: i.Name, State: i.State, Key: i.Texts["salesforce_id"], Note: i.Texts["note"], Health: i.Texts["health"]}
}

func (l *lives) set(item, column, value string) {
	l.t.Helper()
	n, _ := strconv.ParseInt(item, 10, 64)
	if err := l.e.Monday.SetValues("", n, map[string]any{column: value}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lives) state(item, state string) {
	l.t.Helper()
	n, _ := strconv.ParseInt(item, 10, 64)
	if err := l.e.Monday.SetItemState("", n, state); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lives) graph(query string) string {
	l.t.Helper()
	data, err := l.e.Monday.Execute("", query, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// copyOf duplicates an item, key and all.
func (l *lives) copyOf(item string) string {
	l.t.Helper()
	b, _ := l.e.Monday.Board("Clients")
	return digits(l.graph(fmt.Sprintf(`mutation { duplicate_item(board_id: %d, item_id: %s) { id } }`, b.ID, item)))
}

func digits(s string) string { return regexp.MustCompile(`[0-9]+`).FindString(s) }

func (l *lives) salesforce(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// conflict is the number of the open conflict with a reason that names a record.
func (l *lives) conflict(reason string, names ...string) string {
	l.t.Helper()
	id := ""
	l.until("a conflict "+reason, func() bool {
		for _, n := range regexp.MustCompile(`(?m)^ *([0-9]+) .*`+reason).FindAllStringSubmatch(l.must("conflicts", "list"), -1) {
			show := l.must("conflicts", "show", n[1])
			all := true
			for _, name := range names {
				all = all && strings.Contains(show, name)
			}
			if all {
				id = n[1]
				return true
			}
		}
		return false
	})
	return id
}

func (l *lives) open(reason, name string) bool {
	for _, n := range regexp.MustCompile(`(?m)^ *([0-9]+) .*`+reason).FindAllStringSubmatch(l.must("conflicts", "list"), -1) {
		if strings.Contains(l.must("conflicts", "show", n[1]), name) {
			return true
		}
	}
	return false
}

// same checks that a pair is one: an edit of each side crosses to the other.
func (l *lives) same(account, item string) {
	l.t.Helper()
	name, health := fmt.Sprint("Renamed ", l.counter()), fmt.Sprint("health ", l.counter())
	l.edit("Account", account, map[string]any{"Name": name})
	l.set(item, "health", health)
	l.until("a name crosses", func() bool { return l.item(item).Name == name })
	l.until("health crosses", func() bool { return l.field(account, "Delivery_Health__c") == health })
	if i := l.item(item); i.State != "active" || i.Key != account || l.itemOf(account) != item {
		l.t.Errorf("item %+v and account %s, which names %s, are no pair", i, account, l.itemOf(account))
	}
}

var stories = []story{
	{"leaves the scope, and comes back", false, func(l *lives) {
		a, i := l.take()
		l.edit("Account", a, map[string]any{"Rating": "Hot", "Name": "Out of sight"})
		l.settled()
		l.set(i, "note", "written meanwhile")
		l.settled()
		if it := l.item(i); it.State != "active" || it.Name == "Out of sight" || l.field(a, "Note__c") != "" {
			l.t.Errorf("outside the scope: item %+v, note %q", it, l.field(a, "Note__c"))
		}
		if out := l.must("explain", a); !strings.Contains(out, "outside") || !strings.Contains(out, "may come back") {
			l.t.Errorf("explain does not tell:\n%s", out)
		}
		l.edit("Account", a, map[string]any{"Rating": nil})
		l.until("the note crosses", func() bool { return l.field(a, "Note__c") == "written meanwhile" })
		l.until("the name crosses", func() bool { return l.item(i).Name == "Out of sight" })
		l.same(a, i)
	}},
	{"deleted, archived, restored on both sides", false, func(l *lives) {
		a, i := l.take()
		l.salesforce(l.e.Salesforce.Delete(l.admin, "Account", a))
		l.until("the item is archived", func() bool { return l.item(i).State == "archived" })
		l.salesforce(l.e.Salesforce.Undelete(l.admin, a))
		l.conflict("came_back", i)
		if _, there := l.e.Salesforce.Record("Account", a); !there || l.item(i).State != "archived" {
			l.t.Error("a restored account is not left alone")
		}
		l.state(i, "active")
		l.until("the conflict is over", func() bool { return !l.open("came_back", i) })
		l.same(a, i)
	}},
	{"restored, and gets a new item", false, func(l *lives) {
		a, i := l.take()
		l.salesforce(l.e.Salesforce.Delete(l.admin, "Account", a))
		l.until("the item is archived", func() bool { return l.item(i).State == "archived" })
		l.salesforce(l.e.Salesforce.Undelete(l.admin, a))
		l.must("conflicts", "resolve", l.conflict("came_back", i))
		l.until("a new item is made", func() bool { return l.itemOf(a) != i && l.itemOf(a) != "" })
		l.same(a, l.itemOf(a))
		l.state(i, "active")
		l.conflict("duplicate_key", i, l.itemOf(a))
		l.state(i, "deleted")
		l.until("the double is forgotten", func() bool { return !l.open("duplicate_key", i) })
	}},
	{"the item is deleted and restored", false, func(l *lives) {
		a, i := l.take()
		l.state(i, "deleted")
		l.settled()
		l.edit("Account", a, map[string]any{"Name": "Still here"})
		l.settled()
		if _, there := l.e.Salesforce.Record("Account", a); !there || l.itemOf(a) != i {
			l.t.Error("the account was not kept as it was")
		}
		l.state(i, "active")
		l.until("the name crosses", func() bool { return l.item(i).Name == "Still here" })
		l.same(a, i)
	}},
	{"the item is archived, and then deleted", false, func(l *lives) {
		a, i := l.take()
		l.state(i, "archived")
		l.settled()
		l.state(i, "deleted")
		l.settled()
		if _, there := l.e.Salesforce.Record("Account", a); !there {
			l.t.Error("the account was deleted")
		}
		j := l.hand("Clients", "Made by hand in its stead", map[string]any{"salesforce_id": a})
		l.until("the new item takes its place", func() bool { return l.itemOf(a) == j })
		l.same(a, j)
	}},
	{"deleted on both sides at once", false, func(l *lives) {
		a, i := l.take()
		l.atOnce(func() {
			l.salesforce(l.e.Salesforce.Delete(l.admin, "Account", a))
			l.state(i, "deleted")
		})
		l.settled()
		if out := l.must("explain", a); !strings.Contains(out, "closed") {
			l.t.Errorf("the pair is not closed:\n%s", out)
		}
	}},
	{"deleted while the item was edited", false, func(l *lives) {
		a, i := l.take()
		l.atOnce(func() {
			l.salesforce(l.e.Salesforce.Delete(l.admin, "Account", a))
			l.set(i, "health", "typed as it went")
		})
		l.until("the item is archived", func() bool { return l.item(i).State == "archived" })
		if l.item(i).Health != "typed as it went" {
			l.t.Error("the edit is lost")
		}
		if out := l.must("conflicts", "list", "--state", "info"); !strings.Contains(out, "edited_gone") {
			l.t.Errorf("nobody is told of the edit:\n%s", out)
		}
	}},
	{"merged, and both have items", false, func(l *lives) {
		loser, li := l.take()
		master, mi := l.take()
		l.salesforce(l.e.Salesforce.Merge(l.admin, "Account", master, []string{loser}, nil))
		c := l.conflict("merged", loser, master, li, mi)
		l.same(master, mi)
		if l.item(li).State != "active" {
			l.t.Error("the loser's item was removed before anybody decided")
		}
		if out := l.must("explain", li); !strings.Contains(out, "held") || !strings.Contains(out, "--keep") {
			l.t.Errorf("explain does not say what to do:\n%s", out)
		}
		l.must("conflicts", "resolve", c, "--keep", li)
		l.until("the master names the item that is kept", func() bool { return l.itemOf(master) == li })
		l.until("the other is archived", func() bool { return l.item(mi).State == "archived" })
		l.same(master, li)
	}},
	{"merged into one whose item is gone", false, func(l *lives) {
		loser, li := l.take()
		master, mi := l.take()
		l.state(mi, "deleted")
		l.settled()
		l.salesforce(l.e.Salesforce.Merge(l.admin, "Account", master, []string{loser}, nil))
		l.until("the master takes the item over", func() bool { return l.itemOf(master) == li && l.item(li).Key == master })
		l.same(master, li)
	}},
	{"merged into one outside the scope", false, func(l *lives) {
		loser, li := l.take()
		master, err := l.e.Salesforce.Insert(l.admin, "Account", map[string]any{"Name": "Never seen", "Rating": "Hot"})
		l.salesforce(err)
		l.salesforce(l.e.Salesforce.Merge(l.admin, "Account", master, []string{loser}, nil))
		l.settled()
		if l.item(li).State != "active" {
			l.t.Error("the item was removed")
		}
		l.edit("Account", master, map[string]any{"Rating": nil})
		l.until("the item is the master's", func() bool { return l.itemOf(master) == li && l.item(li).Name == "Never seen" })
		l.same(master, li)
	}},
	{"moved to another board, and back", true, func(l *lives) {
		a, i := l.take()
		clients, _ := l.e.Monday.Board("Clients")
		other := digits(l.graph(`mutation { create_board(board_name: "Elsewhere", board_kind: public) { id } }`))
		group := func(board string) string {
			return regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(l.graph(`{ boards(ids: [` + board + `]) { groups { id } } }`))[1]
		}
		l.graph(fmt.Sprintf(`mutation { move_item_to_board(board_id: %s, group_id: "%s", item_id: %s) { id } }`, other, group(other), i))
		l.edit("Account", a, map[string]any{"Name": "While away"})
		l.settled()
		if out := l.must("explain", a); !strings.Contains(out, "outside") {
			l.t.Errorf("explain does not tell:\n%s", out)
		}
		if it := l.item(i); it.Name == "While away" {
			l.t.Errorf("an item of another board was written: %+v", it)
		}
		l.graph(fmt.Sprintf(`mutation { move_item_to_board(board_id: %d, group_id: "%s", item_id: %s) { id } }`, clients.ID, group(fmt.Sprint(clients.ID)), i))
		l.until("the name crosses", func() bool { return l.item(i).Name == "While away" })
		l.same(a, i)
	}},
	{"duplicated with its key", false, func(l *lives) {
		a, i := l.take()
		j := l.copyOf(i)
		l.conflict("duplicate_key", i, j, a)
		l.same(a, i)
		l.set(j, "salesforce_id", "")
		l.until("the copy without a key is let go", func() bool { return !l.open("duplicate_key", j) })
		k := l.copyOf(i)
		c := l.conflict("duplicate_key", i, k)
		l.must("conflicts", "resolve", c, "--keep", k)
		l.until("the copy is the pair's", func() bool { return l.itemOf(a) == k && l.item(i).State == "archived" })
		l.same(a, k)
	}},
	{"keys cleared and overwritten", false, func(l *lives) {
		a, i := l.take()
		b, j := l.take()
		for _, wrong := range []string{"", "nonsense", b} {
			l.set(i, "salesforce_id", wrong)
			l.until("the item's key is put back after "+wrong, func() bool { return l.item(i).Key == a })
		}
		for _, wrong := range []any{nil, "4711"} {
			l.edit("Account", a, map[string]any{"Monday_Item_Id__c": wrong})
			l.until("the account's key is put back", func() bool { return l.itemOf(a) == i })
		}
		l.same(a, i)
		l.same(b, j)
	}},
	{"a stranger carries its key", false, func(l *lives) {
		a, i := l.take()
		var c string
		l.atOnce(func() {
			l.edit("Account", a, map[string]any{"Monday_Item_Id__c": nil})
			var err error
			c, err = l.e.Salesforce.Insert(l.admin, "Account", map[string]any{"Name": "Stranger", "Rating": "Hot", "Monday_Item_Id__c": i})
			l.salesforce(err)
		})
		letter := ""
		l.until("a dead letter names the stranger", func() bool {
			out := l.must("deadletters", "list")
			if m := regexp.MustCompile(`(?m)^ *([0-9]+) .*DUPLICATE_VALUE`).FindStringSubmatch(out); m != nil {
				letter = m[1]
			}
			return letter != ""
		})
		if show := l.must("deadletters", "show", letter); !strings.Contains(show, c[:15]) || !strings.Contains(show, "clear it there") {
			l.t.Errorf("the dead letter does not say what to do:\n%s", show)
		}
		l.edit("Account", c, map[string]any{"Monday_Item_Id__c": nil})
		l.must("deadletters", "retry", letter)
		l.until("the key is put back", func() bool { return l.itemOf(a) == i })
		l.same(a, i)
	}},
	{"linked with another record by hand", false, func(l *lives) {
		a, i := l.take()
		b, j := l.take()
		l.state(j, "deleted")
		l.settled()
		l.set(i, "salesforce_id", b)
		l.until("the two are a pair", func() bool { return l.itemOf(b) == i })
		c := l.conflict("let_go", a, b, i)
		l.until("the other's key is cleared", func() bool { return l.itemOf(a) == "" })
		l.same(b, i)
		if out := l.must("explain", a); !strings.Contains(out, "waits for a person") {
			l.t.Errorf("explain does not tell:\n%s", out)
		}
		l.must("conflicts", "resolve", c)
		l.until("it gets a new item", func() bool { return l.itemOf(a) != "" })
		l.same(a, l.itemOf(a))
	}},
}
