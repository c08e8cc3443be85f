package contract

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A contract with many mistakes in several files shows all of them in one run, each with its file, line and remedy.
func TestAllMistakesAtOnce(t *testing.T) {
	paths, err := filepath.Glob("testdata/mistakes/*.accord.hcl")
	if err != nil || len(paths) != 3 {
		t.Fatalf("the broken example is not there: %v %v", paths, err)
	}
	src := source(t, paths...)
	c, diags := Parse(src, WithClock(today), WithVersion("0.1.0"))
	if c != nil {
		t.Error("a contract with errors is given out")
	}
	files, codes := map[string]int{}, map[string]bool{}
	for _, d := range diags {
		files[d.Subject.Filename]++
		codes[CodeOf(d)] = true
	}
	if len(diags) < 20 || len(codes) < 20 || len(files) != 3 {
		t.Errorf("%d diagnostics with %d codes in %v", len(diags), len(codes), files)
	}
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, src, diags, 100, false); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "mistakes.golden")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// What the terminal would obey is not printed, and the carets stand under what they mark.
func TestPrintHostileSource(t *testing.T) {
	for name, line := range map[string]string{
		"escapes":       "object \"a\x1b[31mb\x07\" {\t}",
		"NUL":           "object \"a\x00b\" {}",
		"right-to-left": "object \"a \u202e b\" {}",
		"wide":          "object \"会社 🛑\" {}",
		"long":          strings.Repeat("é", 5000) + " = " + strings.Repeat("🛑", 5000),
		"not UTF-8":     "object \"\xff\xfe\" {}",
	} {
		src := one("# first\n" + line + "\n")
		_, diags := Parse(src)
		if len(diags) == 0 {
			t.Errorf("%s: no diagnostics", name)
		}
		for _, width := range []int{0, 40, 100} {
			var out bytes.Buffer
			if err := WriteDiagnostics(&out, src, diags, width, false); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
					t.Errorf("%s: %q is printed", name, r)
				}
			}
			if width == 0 {
				continue
			}
			for l := range strings.SplitSeq(out.String(), "\n") {
				if strings.HasPrefix(l, "  2: ") && cells(l) > width+2 {
					t.Errorf("%s: the source line takes %d of %d columns", name, cells(l), width)
				}
			}
		}
	}
}

func TestPrintCarets(t *testing.T) {
	src := one("object \"deal\" {\n\tmatch = [会社, name]\n}\n")
	at := hcl.Range{Filename: "contract.accord.hcl",
		Start: hcl.Pos{Line: 2, Column: 1, Byte: strings.Index(string(src.Files[0].Content), "name")},
		End:   hcl.Pos{Line: 2, Column: 5, Byte: strings.Index(string(src.Files[0].Content), "name") + 4}}
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, src, hcl.Diagnostics{NewWarning(codeMatch, at, "wrong", "Mend it.")}, 80, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[1;33mWarning ACC1414:\x1b[0m \x1b[1mwrong\x1b[0m\n\n" +
		"  on contract.accord.hcl line 2, in object \"deal\":\n" +
		"  2:   match = [会社, \x1b[1mname\x1b[0m]\n" +
		"                      \x1b[1;33m^^^^\x1b[0m\n" +
		"  Mend it.\n" +
		"  \x1b[2maccord explain ACC1414\x1b[0m\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	out.Reset()
	elsewhere := hcl.Diagnostics{NewDiagnostic("ACC9999", hcl.Range{Filename: "gone", Start: hcl.Pos{Line: 7, Byte: 99}}, "s", "r"), {Summary: "no place"}}
	if err := WriteDiagnostics(&out, src, elsewhere, 80, false); err != nil || !strings.Contains(out.String(), "on gone line 7") {
		t.Errorf("%v %q", err, out.String())
	}
}
