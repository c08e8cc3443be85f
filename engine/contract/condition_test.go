package contract

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/record"
)

// withCondition is base with another condition for its trigger, and a template as the comment it writes.
func withCondition(t *testing.T, when, body string) *Trigger {
	t.Helper()
	text := strings.Replace(base, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, "when = "+when, 1)
	text = strings.Replace(text, `"Won at ${after.amount}."`, body, 1)
	return parse(t, one(text)).Triggers[0]
}

func decimal(t testing.TB, s string) record.Value {
	v, err := record.OfDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func won(t testing.TB) Scope {
	delivery, err := record.OfInterval("2026-11-01", "")
	if err != nil {
		t.Fatal(err)
	}
	return Scope{
		Before: map[string]record.Value{"stage": record.OfChoice("Prospecting"), "amount": decimal(t, "9.99")},
		After: map[string]record.Value{
			"stage": record.OfChoice("Closed Won"), "amount": decimal(t, "12.50"), "name": record.OfText("Acme"),
			"client": record.OfReference("p1"), "manager": record.OfPerson("a@x.example", "b@x.example"), "delivery": delivery,
			"kickoff": record.OfDateTime(time.Date(2026, 11, 23, 9, 0, 0, 5e8, time.UTC)),
		},
		Records: [2]map[string]record.Value{{"OwnerId": record.OfText("005x")}, nil},
		IDs:     [2]string{"006x", ""},
		Now:     "2026-11-23T09:00:00Z",
	}
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		when string
		want bool
	}{
		{`before.stage != "Closed Won" && after.stage == "Closed Won"`, true},
		{`after.stage == before.stage`, false},
		{`after.amount > 12`, true},
		{`after.amount == 12.5`, true},
		{`after.amount - before.amount > 2.50`, true},
		{`after.amount - before.amount > 2.51`, false},
		{`after.amount >= var.floor`, true},
		// An empty field is null: equal to nothing but null, and false in every other comparison.
		{`after.next_step == null`, true},
		{`after.next_step != null`, false},
		{`after.next_step == "x"`, false},
		{`after.next_step != "x"`, true},
		{`after.next_step > 5`, false},
		{`after.next_step <= 5`, false},
		{`!(after.next_step > 5)`, true},
		{`after.next_step && true`, false},
		{`after.next_step || true`, true},
		{`!after.next_step`, true},
		{`after.next_step + 1 > 0`, false},
		{`(after.next_step ? "yes" : "no") == "no"`, true},
		{`before.name == null && after.name == "Acme"`, true},
		// One side decides: the other may fail.
		{`after.next_step != null && length(after.next_step) > 1`, false},
		{`after.next_step == null || length(after.next_step) > 1`, true},
		// Lists, and single values where a list is asked for.
		{`contains(after.manager, "a@x.example")`, true},
		{`contains(after.manager, "c@x.example")`, false},
		{`contains(after.client, "p1")`, true},
		{`contains(after.next_step, "p1")`, false},
		{`length(after.manager) == 2`, true},
		{`contains(["Closed Won", "Prospecting"], after.stage)`, true},
		// Dates and times in their own order.
		{`after.delivery.from < "2026-11-02"`, true},
		{`after.delivery.to == null`, true},
		{`before.delivery.from == null`, true},
		{`after.kickoff > "2026-11-23T09:00:00Z"`, true},
		{`after.kickoff > "2026-11-23T10:00:00+01:00"`, true},
		{`after.name < "Zebra"`, true},
		// Native values and ids.
		{`record.salesforce.OwnerId == "005x" && record.salesforce_id == "006x"`, true},
		{`record.monday_id == null && record.monday.status == null`, true},
		{`record.salesforce.Id == "006x"`, true},
		{`lower(after.name) == "acme" ? true : false`, true},
	} {
		trigger := withCondition(t, c.when, `"x"`)
		got, err := trigger.When.Eval(won(t))
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", c.when, got, err, c.want)
		}
	}
}

// A record that did not exist had no value in any field.
func TestConditionOnNewRecord(t *testing.T) {
	scope := won(t)
	scope.Before = nil
	c := withCondition(t, `before.stage != "Closed Won" && after.stage == "Closed Won" && before.amount == null`, `"x"`).When
	if got, err := c.Eval(scope); err != nil || !got {
		t.Errorf("%v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"amount", "stage"}, c.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestConditionErrors(t *testing.T) {
	scope := won(t)
	for _, when := range []string{`after.name * 2 > 1`, `after.name`, `after.manager < after.name`, `after.delivery > 3`} {
		c := withCondition(t, when, `"x"`).When
		_, err := c.Eval(scope)
		if err == nil || !strings.Contains(err.Error(), when) || !strings.Contains(err.Error(), "contract.accord.hcl:") {
			t.Errorf("%s: the error is %v", when, err)
		}
	}
	var none *Condition
	if ok, err := none.Eval(Scope{}); !ok || err != nil {
		t.Errorf("no condition at all must hold: %v %v", ok, err)
	}
	var nothing *Template
	if text, err := nothing.Eval(Scope{}); text != "" || err != nil || none.Fields() != nil || nothing.Fields() != nil || none.Natives(record.Left) != nil || nothing.Natives(record.Right) != nil {
		t.Errorf("no template at all must be empty: %q %v", text, err)
	}
	if _, err := (&Condition{}).Eval(Scope{}); err == nil {
		t.Error("a condition that was never checked must not evaluate")
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`"Closed won at ${after.amount}: delivery takes over."`, "Closed won at 12.5: delivery takes over."},
		{`"[${after.next_step}]"`, "[]"},
		{`after.next_step`, ""},
		{`"${after.next_step}"`, ""},
		{`record.salesforce_id`, "006x"},
		{`record.salesforce.OwnerId`, "005x"},
		{`"for ${after.manager}"`, "for a@x.example, b@x.example"},
		{`after.manager`, "a@x.example, b@x.example"},
		{`formatdate("YYYY-MM-DD", timeadd(now(), "72h"))`, "2026-11-26"},
		{`formatdate("DD.MM.", after.delivery.from)`, "01.11."},
		{`formatdate("hh:mm", after.kickoff)`, "09:00"},
		{`"${formatdate("YYYY", after.delivery.to)}"`, ""},
		{`"%{ if after.next_step == null }none%{ else }${after.next_step}%{ endif }"`, "none"},
		{`after.amount`, "12.5"},
		{`after.amount > 5`, "true"},
		{`"${upper(after.name)} $${x}"`, "ACME ${x}"},
		{`after.amount + 1`, "13.5"},
	} {
		x := withCondition(t, "true", c.body).Actions[0].Settings["body"]
		got, err := x.Eval(won(t))
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", c.body, got, err, c.want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, body := range []string{`formatdate("YYYY", after.name)`, `"${after.delivery}"`, `after.delivery`} {
		x := withCondition(t, "true", body).Actions[0].Settings["body"]
		if got, err := x.Eval(won(t)); err == nil {
			t.Errorf("%s: %q", body, got)
		}
	}
	x := withCondition(t, "true", `now()`).Actions[0].Settings["body"]
	if _, err := x.Eval(Scope{}); err == nil {
		t.Error("now() without a clock must not evaluate")
	}
}

// One condition and one template serve any number of goroutines.
func TestEvalConcurrently(t *testing.T) {
	trigger := withCondition(t, `contains([for m in after.manager : upper(m)], "A@X.EXAMPLE") && after.manager[*] != null`, `"${after.name} ${now()}"`)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			scope := won(t)
			scope.After["name"] = record.OfText(strings.Repeat("x", i))
			for range 20 {
				ok, err := trigger.When.Eval(scope)
				if err != nil || !ok {
					t.Errorf("%v %v", ok, err)
				}
				text, err := trigger.Actions[0].Settings["body"].Eval(scope)
				if want := strings.Repeat("x", i) + " " + scope.Now; err != nil || text != want {
					t.Errorf("%q, %v; want %q", text, err, want)
				}
			}
		})
	}
	all.Wait()
}

// Whatever two fields hold, comparing them gives an answer, and the same one every way it is asked.
func TestComparisonsAgree(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) record.Value {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return record.Value{}
		case 1:
			return record.OfText(rapid.String().Draw(t, "text"))
		case 2:
			v, err := record.OfDecimal(fmt.Sprintf("%de%d", rapid.IntRange(-50, 50).Draw(t, "digits"), rapid.IntRange(-3, 3).Draw(t, "exponent")))
			if err != nil {
				t.Fatal(err)
			}
			return v
		case 3:
			return record.OfBool(rapid.Bool().Draw(t, "bool"))
		case 4:
			return record.OfDateTime(time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "seconds"), 0))
		default:
			return record.OfChoice(rapid.SliceOfN(rapid.StringMatching(`[ab]`), 0, 3).Draw(t, "choices")...)
		}
	})
	equals := withCondition(t, `after.stage == before.stage`, `"x"`).When
	differs := withCondition(t, `!(after.stage != before.stage)`, `"x"`).When
	mirrored := withCondition(t, `before.stage == after.stage && true`, `"x"`).When
	null := withCondition(t, `(after.stage == null) == (after.stage == null)`, `"x"`).When
	rapid.Check(t, func(t *rapid.T) {
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		scope := Scope{Before: map[string]record.Value{"stage": b}, After: map[string]record.Value{"stage": a}}
		var answers []bool
		for _, c := range []*Condition{equals, differs, mirrored} {
			ok, err := c.Eval(scope)
			if err != nil {
				t.Fatalf("%s with %v and %v: %v", c.Text, a, b, err)
			}
			answers = append(answers, ok)
		}
		if answers[0] != answers[1] || answers[0] != answers[2] {
			t.Fatalf("%v and %v: %v", a, b, answers)
		}
		if a.Equal(b) && !answers[0] {
			t.Fatalf("%v does not equal itself", a)
		}
		if ok, err := null.Eval(scope); err != nil || !ok {
			t.Fatalf("%v: %v %v", a, ok, err)
		}
	})
}
