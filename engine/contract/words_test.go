package contract

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/record"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		when         string
		updated      bool // of the record as won() shows it
		created      bool // of the same with nothing before
		stays        bool // of the same, unchanged
		looksAtStage bool
	}{
		{`created()`, false, true, false, false},
		{`updated()`, true, false, false, true},
		{`!created() && updated()`, true, false, false, true},
		{`changed(stage)`, true, true, false, true},
		{`changed(next_step)`, false, false, false, false},
		{`changed(next_step, stage)`, true, true, false, true},
		{`changed(delivery)`, true, true, false, false},
		{`became(stage, "Closed Won")`, true, true, false, true},
		{`became(stage, "Prospecting")`, false, false, false, true},
		{`became(amount, 12.5)`, true, true, false, false},
		{`became(amount, "12.5")`, false, false, false, false}, // a number is no text
		{`became(manager, "b@x.example")`, true, true, false, false},
		{`became(next_step, null)`, false, false, false, false},
		{`updated() && became(stage, "Closed Won") && after.amount > 12`, true, false, false, true},
		{`became(stage, upper("x"))`, false, false, false, true},
		{`became(name, after.name)`, true, true, false, false},
	} {
		x := withCondition(t, c.when, `"x"`).When
		then := won(t)
		fresh, same := then, then
		fresh.Before, same.Before = nil, then.After
		for name, s := range map[string]struct {
			scope Scope
			want  bool
		}{"updated": {then, c.updated}, "created": {fresh, c.created}, "unchanged": {same, c.stays}} {
			if got, err := x.Eval(s.scope); err != nil || got != s.want {
				t.Errorf("%s, %s: %v, %v; want %v", c.when, name, got, err, s.want)
			}
		}
		if slices.Contains(x.Fields(), "stage") != c.looksAtStage {
			t.Errorf("%s looks at %v", c.when, x.Fields())
		}
	}
	body := withCondition(t, `created()`, `"%{ if created() }new%{ else }${changed(stage)}%{ endif }"`).Actions[0].Settings["body"]
	if got, err := body.Eval(won(t)); err != nil || got != "true" {
		t.Errorf("in a template: %q, %v", got, err)
	}
	if _, ok := body.Constant(); ok {
		t.Error("a text that asks what became of the record is no constant")
	}
}

// What the words say, before and after say as well.
func TestWordsAreBeforeAndAfter(t *testing.T) {
	pairs := [][2]*Condition{}
	for words, plain := range map[string]string{
		`changed(stage)`:                          `before.stage != after.stage`,
		`changed(stage, name)`:                    `before.stage != after.stage || before.name != after.name`,
		`became(stage, "Closed Won")`:             `before.stage != "Closed Won" && after.stage == "Closed Won"`,
		`became(stage, null)`:                     `before.stage != null && after.stage == null`,
		`became(stage, after.name)`:               `before.stage != after.name && after.stage == after.name`,
		`!changed(stage) || became(name, "Acme")`: `before.stage == after.stage || before.name != "Acme" && after.name == "Acme"`,
	} {
		pairs = append(pairs, [2]*Condition{withCondition(t, words, `"x"`).When, withCondition(t, plain, `"x"`).When})
	}
	texts := rapid.SampledFrom([]record.Value{{}, record.OfText("Closed Won"), record.OfText("Acme"), record.OfText("Prospecting")})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) map[string]record.Value {
			return map[string]record.Value{"stage": texts.Draw(t, name+" stage"), "name": texts.Draw(t, name+" name")}
		}
		scope := Scope{After: draw("after")}
		if rapid.Bool().Draw(t, "there was a before") {
			scope.Before = draw("before")
		}
		for _, p := range pairs {
			a, err := p[0].Eval(scope)
			b, err2 := p[1].Eval(scope)
			if err != nil || err2 != nil || a != b {
				t.Fatalf("%s is %v (%v), and %s is %v (%v)\n%s", p[0].Text, a, err, p[1].Text, b, err2, cmp.Diff(scope.Before, scope.After, cmp.Comparer(record.Value.Equal)))
			}
		}
	})
}
