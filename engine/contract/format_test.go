package contract

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"\n\n", ""},
		{"a=1", "a = 1\n"},
		{"picklist \"x\"   {\nvalues={a=\"b\"}\n  unlisted = \"keep\" # why\n}\n\n\n", "picklist \"x\" {\n  values   = { a = \"b\" }\n  unlisted = \"keep\" # why\n}\n"},
		{"\xef\xbb\xbfa=1\r\nbb=2\r\n", "a  = 1\nbb = 2\n"},
		{"a=1\na=2\n", "a = 1\na = 2\n"},
	} {
		got, diags := Format("x.accord.hcl", []byte(c.in))
		if diff := cmp.Diff(c.want, string(got)); diff != "" || diags.HasErrors() {
			t.Errorf("%q: %v (-want +got):\n%s", c.in, diags, diff)
		}
		again, _ := Format("x.accord.hcl", got)
		if !bytes.Equal(again, got) {
			t.Errorf("%q: formatting twice gives %q", c.in, again)
		}
	}
	broken := []byte("a = = 1\n")
	got, diags := Format("x.accord.hcl", broken)
	if !diags.HasErrors() || CodeOf(diags[0]) != codeSyntax || !bytes.Equal(got, broken) {
		t.Errorf("a broken file: %q %v", got, diags)
	}
}

// Our own examples are written as Format would write them.
func TestExamplesAreFormatted(t *testing.T) {
	for _, f := range complete(t).Files {
		got, diags := Format(f.Name, f.Content)
		if diff := cmp.Diff(string(f.Content), string(got)); diff != "" || diags.HasErrors() {
			t.Errorf("%s: %v (-have +formatted):\n%s", f.Name, diags, diff)
		}
	}
}
