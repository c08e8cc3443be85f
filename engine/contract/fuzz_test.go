package contract

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No bytes make Parse, the printer or the formatter panic; every diagnostic has a code, a place and a remedy; and what
// parses is stable.
func FuzzParse(f *testing.F) {
	f.Add([]byte(base))
	for _, dir := range []string{"complete", "mistakes"} {
		paths, _ := filepath.Glob(filepath.Join("testdata", dir, "*.accord.hcl"))
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	for _, m := range mistakes {
		f.Add([]byte(strings.Replace(base, m.old, m.new, 1)))
	}
	for _, s := range hostile() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) { exercise(t, content) })
}

func exercise(t *testing.T, content []byte) {
	src := Source{Files: []File{{Name: "fuzz.accord.hcl", Content: content}}, Variables: map[string]string{"floor": string(content[:min(len(content), 100)])}}
	c, diags := Parse(src, WithClock(today), WithVersion("0.1.0"))
	for _, d := range diags {
		if _, known := Explain(CodeOf(d)); !known || d.Subject == nil || d.Summary == "" || d.Detail == "" {
			t.Errorf("an incomplete diagnostic: %q %+v", CodeOf(d), d)
		}
	}
	if err := WriteDiagnostics(io.Discard, src, diags, 80, true); err != nil {
		t.Error(err)
	}
	if (c == nil) != diags.HasErrors() {
		t.Errorf("a contract with errors, or none without: %v", diags)
	}
	formatted, broken := Format("fuzz.accord.hcl", content)
	if c == nil {
		return
	}
	if broken.HasErrors() {
		t.Errorf("what parses can't be formatted: %v", broken)
	}
	src.Files[0].Content = formatted
	again, diags := Parse(src)
	if diags.HasErrors() {
		t.Fatalf("formatting breaks the contract: %v", diags)
	}
	if again.Digest() != c.Digest() {
		t.Error("formatting changes the digest")
	}
	for _, x := range c.Triggers {
		_, _ = x.When.Eval(Scope{})
		for _, a := range x.Actions {
			for _, s := range a.Settings {
				_, _ = s.Eval(won(t))
			}
		}
	}
	ProbableRenames(c, again)
}

// hostile are inputs made to hurt.
func hostile() []string {
	nest := func(open, close string, n int) string { return strings.Repeat(open, n) + strings.Repeat(close, n) }
	return []string{
		"\x00", "\xff\xfe", "\xef\xbb\xbf", "a = \"\x00\"", "object \"\u202edeal\" {}", "🛑 = 🛑", "picklist \"x\" { values = { \"🛑\" = \"\u200f\" } }",
		"a = " + nest("[", "]", 3000), "a = " + nest("(", ")", 3000), "a = " + nest("{a=", "}", 3000), nest("a {\n", "}\n", 3000),
		"a = " + strings.Repeat("!", 3000) + "true", "a = " + strings.Repeat("-", 3000) + "1", "a = " + strings.Repeat("1 + ", 3000) + "1",
		"a = " + strings.Repeat("true ? 1 : ", 3000) + "1", "a = \"" + strings.Repeat("${\"", 3000), "a = \"" + strings.Repeat("%{ if true }", 3000),
		"a = b" + strings.Repeat(".c", 3000), "a = b" + strings.Repeat("[0]", 3000), "a = b" + strings.Repeat("[*]", 3000),
		"a = " + strings.Repeat("f(", 3000), "a = " + strings.Repeat("[for x in ", 3000), "a = 1e999999999", "a = " + strings.Repeat("9", 3000),
		"variable \"x\" {\n  default = " + strings.Repeat("9", 390) + "e390\n}\n", "a = <<E\n" + strings.Repeat("${<<E\n", 1000),
		"variable \"x\" {\n  type = " + nest("list(", ")", 50) + "string\n}\n", strings.Repeat("object \"a\" {}\n", 500),
		"object \"a\" {\n" + strings.Repeat("field \"a\" {}\n", 2000) + "}\n", "accord {\n required_version = \"" + strings.Repeat(">=1,", 2000) + "\"\n}\n",
		"connection \"monday\" \"a\" {\n token = \"\n\"\n}", "trigger \"a\" {\n on = object.a\n when = \"${[for a in after: a]}\"\n}",
		"allow \"\" {\n}\nmoved {\n from = a[0]\n to = a[*].b\n}\nremoved {\n from = object\n action = destroy\n}\npolicy \"p\" {\n fields = []\n allow_owner = []\n}",
		"variable \"x\" {\n default = {for k, v in {}: k => v...}\n}\nvariable \"y\" {\n default = null\n type = any\n}",
		"variable \"x\" {\n default = true && null\n}\nvariable \"y\" {\n default = !null\n}\nvariable \"z\" {\n default = null ? 1 : 2\n}\nvariable \"w\" {\n default = \"${null}\"\n}",
	}
}

func TestHostileInput(t *testing.T) {
	inputs := append(hostile(), "a = \""+strings.Repeat("x", 10<<20)+"\"\n", base+"\n# "+strings.Repeat("é", 1<<18))
	for _, s := range inputs {
		exercise(t, []byte(base+"\n"+s)) // by themselves they are seeds of FuzzParse
	}
	for i := range base { // a contract cut off anywhere
		if i%97 == 0 {
			exercise(t, []byte(base[:i]))
		}
	}
}

// Whatever stands for a condition or a template: checking it gives a diagnostic, or evaluating it a result or an error
// that says where.
func FuzzExpressions(f *testing.F) {
	for _, s := range []string{
		`after.stage == "Closed Won"`, `before.amount > 1 && !after.next_step`, `contains(after.manager, "x") ? 1 : null`,
		`"${after.name}%{ for m in after.manager ~} ${m} %{ endfor }"`, `formatdate("YYYY", timeadd(now(), "1h"))`, `after.delivery.from`,
		`{ (after.name) = after.amount }`, `[for k, v in { a = after.name } : v if v != null]`, `after.manager[*]`, `record.salesforce.Id`,
		`jsondecode(after.name)`, `regex("(", after.name)`, `format("%s %d", after.name, after.amount)`, `-after.amount % 0`, `null && (1/0 > 1)`,
		`substr(after.name, -1, 99)`, `slice(after.manager, 0, 9)`, `parseint(after.name, 99)`, `merge(null, {})`, `after["name"]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		contract := strings.Replace(base, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, "when = "+text, 1)
		contract = strings.Replace(contract, `"Won at ${after.amount}."`, text, 1)
		c, diags := Parse(one(contract))
		if c == nil {
			if !diags.HasErrors() {
				t.Fatal("neither a contract nor an error")
			}
			return
		}
		for _, x := range c.Triggers {
			for _, scope := range []Scope{won(t), {}} {
				if _, err := x.When.Eval(scope); err != nil && !strings.Contains(err.Error(), "contract.accord.hcl:") {
					t.Errorf("the error says not where: %v", err)
				}
				for _, a := range x.Actions {
					_, _ = a.Settings["body"].Eval(scope)
				}
			}
		}
	})
}
