package contract

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"pgregory.net/rapid"

	"accord/engine/record"
)

// formula is an expression as a contract without mistakes holds it.
func formula(t testing.TB, text string) *Formula {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test", start)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return &Formula{Text: text, expr: expr, ctx: &hcl.EvalContext{Functions: functions()}}
}

func TestFormula(t *testing.T) {
	decimal := func(s string) record.Value { v, _ := record.OfDecimal(s); return v }
	date := func(s string) record.Value { v, _ := record.OfDate(s); return v }
	for _, c := range []struct {
		formula string
		value   record.Value
		kind    record.Kind
		want    string // of String
		fails   string
	}{
		{`upper(value)`, record.OfText("é a"), record.Text, "É A", ""},
		{`"${value}!"`, record.OfText("שלום 😀"), record.Text, "שלום 😀!", ""},
		{`value / 100`, decimal("12.34"), record.Decimal, "0.1234", ""},
		{`value * 100`, decimal("0.29"), record.Decimal, "29", ""},
		{`value / 3 * 3`, decimal("1"), record.Decimal, "1", ""},
		{`value`, decimal("123456789012345678901234567890.123456789"), record.Decimal, "123456789012345678901234567890.123456789", ""},
		{`value > 10 ? "large" : "small"`, decimal("11"), record.Choice, "large", ""},
		{`split(";", value)`, record.OfText("b;a"), record.Choice, "a, b", ""},
		{`join(";", value)`, record.OfChoice("b", "a"), record.Text, "a;b", ""},
		{`value ? "yes" : "no"`, record.OfBool(true), record.Text, "yes", ""},
		{`value == "yes"`, record.OfText("no"), record.Bool, "false", ""},
		{`formatdate("DD.MM.YYYY", value)`, date("2026-02-03"), record.Text, "03.02.2026", ""},
		{`join("-", reverse(split(".", value)))`, record.OfText("03.02.2026"), record.Date, "2026-02-03", ""},
		{`"${value}T12:00:00+02:00"`, date("2026-02-03"), record.DateTime, "2026-02-03T10:00:00Z", ""},
		{`"https://x.example/${value}"`, record.OfText("7"), record.Link, "https://x.example/7", ""},
		{`trimspace(value)`, record.OfText("  "), record.Text, "", ""},
		{`null`, record.OfText("a"), record.Decimal, "", ""},
		{`value`, record.OfText("a"), record.Decimal, "", "not a decimal"},
		{`value`, record.OfText("30.2.2026"), record.Date, "", "not a date"},
		{`value`, record.OfText("2026-02-30"), record.DateTime, "", "RFC 3339"},
		{`value`, record.OfText("perhaps"), record.Bool, "", "neither true nor false"},
		{`split(",", value)`, record.OfText("a,b"), record.Text, "", "where text is needed"},
		{`value + 1`, record.OfText("a"), record.Decimal, "", "has no value"},
		{`element(split("-", value), 3)`, record.OfText("a-b"), record.Text, "b", ""},
		{`regex("[0-9]+", value)`, record.OfText("none"), record.Text, "", "has no value"},
		{`value`, record.OfText(strings.Repeat("x", 10<<20)), record.Text, "", "longer than"},
		{`replace(value, "", value)`, record.OfText(strings.Repeat("x", 100<<10)), record.Text, "", "longer than"},
		{`"a\u0000b${value}"`, record.OfText("\x00"), record.Text, "a\x00b\x00", ""},
	} {
		f := formula(t, c.formula)
		got, err := f.Eval(c.value, c.kind)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s gives %v, %v; want an error with %q", c.formula, got, err, c.fails)
			}
			continue
		}
		if err != nil || got.String() != c.want || !got.IsEmpty() && got.Kind() != c.kind {
			t.Errorf("%s gives %q (%s), %v; want %q", c.formula, got, got.Kind(), err, c.want)
		}
	}
}

// A transform's examples are read as whatever makes them come true, and several left values may share a right one.
func TestTransformExamples(t *testing.T) {
	for _, c := range []struct {
		transform string
		ok        bool
	}{
		{"to_monday = value * 100\n to_salesforce = value / 100\n examples = { \"0.5\" = 50, \"12.50\" = \"1250\" }", true},
		{"to_monday = value ? \"yes\" : \"no\"\n to_salesforce = value == \"yes\"\n examples = { true = \"yes\", \"false\" = \"no\" }", true},
		{"to_monday = substr(value, 0, 1)\n to_salesforce = \"${value}1\"\n examples = { A1 = \"A\", A2 = \"A\" }", true},
		{"to_monday = substr(value, 0, 1)\n to_salesforce = \"${value}3\"\n examples = { A1 = \"A\", A2 = \"A\" }", false},
		{"to_monday = upper(value)\n to_salesforce = lower(value)\n examples = { a = \"a\" }", false},
		{"to_monday = upper(value)\n examples = { a = \"A\" }", false}, // either side may edit
	} {
		text := strings.Replace(base, `  field "next_step" {`, "  field \"code\" {\n salesforce = Code__c\n monday = text.code\n owner = either\n transform {\n"+c.transform+"\n}\n}\n"+`  field "next_step" {`, 1)
		got, diags := Parse(one(text), WithClock(today))
		if ok := !diags.HasErrors(); ok != c.ok {
			t.Errorf("%s\naccepted %v: %v", c.transform, ok, diags)
			continue
		}
		if c.ok && len(got.Object("deal").Field("code").Transform.Examples) == 0 {
			t.Errorf("%s: no examples", c.transform)
		}
	}
}

// A transform is a rule: changing what it says changes the contract, spelling it otherwise does not.
func TestTransformIsARule(t *testing.T) {
	digest := func(transform string) string {
		c, diags := Parse(one(strings.Replace(base, `lossy      = ["time"]`, "transform {\n"+transform+"\n}", 1)), WithClock(today))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return c.Digest()
	}
	const examples = "\nexamples = { \"2026-01-01\" = \"2026-01-01\" }"
	plain := digest("to_salesforce = coalesce(value, value)" + examples)
	if spaced := digest("to_salesforce   =  coalesce( value,value ) # the same" + examples + "\n"); spaced != plain {
		t.Error("spacing and comments change the digest")
	}
	if other := digest("to_salesforce = value" + examples); other == plain {
		t.Error("another expression leaves the digest")
	}
}

// Whatever a formula is given, it answers with a value of the kind that was asked for, or an error.
func TestFormulaIsTotal(t *testing.T) {
	formulas := []*Formula{formula(t, `value`), formula(t, `upper(value)`), formula(t, `value * 2`), formula(t, `split(",", value)`), formula(t, `length(value)`)}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formulas).Draw(t, "formula")
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"1e999", "-0", "NaN", "Inf", "0x10", "\xff", "1_000"})).Draw(t, "text")
		in := rapid.SampledFrom([]record.Value{{}, record.OfText(text), record.OfChoice(text, "b"), record.OfBool(true), record.OfLink(text, text)}).Draw(t, "value")
		kind := record.Kind(rapid.IntRange(int(record.Empty), int(record.Link)).Draw(t, "kind"))
		got, err := f.Eval(in, kind)
		if err == nil && !got.IsEmpty() && got.Kind() != kind {
			t.Fatalf("%s of %v gives %v, a %s and no %s", f.Text, in, got, got.Kind(), kind)
		}
	})
}
