package contract

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format gives a contract file its canonical spacing; comments and order stay. A file that is not HCL is given back as
// it is, with the diagnostics that say why.
func Format(name string, src []byte) ([]byte, hcl.Diagnostics) {
	_, diags := parseFile(File{Name: name, Content: src})
	if syntax := withoutDoubles(diags); syntax.HasErrors() {
		return src, sortDiagnostics(syntax)
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	out := hclwrite.Format(bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")))
	if out = bytes.TrimRight(out, "\n"); len(out) == 0 {
		return nil, nil
	}
	return append(out, '\n'), nil
}

// withoutDoubles leaves out what is well-formed and wrong for another reason.
func withoutDoubles(diags hcl.Diagnostics) hcl.Diagnostics {
	var syntax hcl.Diagnostics
	for _, d := range diags {
		if CodeOf(d) != codeDuplicate {
			syntax = append(syntax, d)
		}
	}
	return syntax
}
