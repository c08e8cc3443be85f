package contract

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// coded is what every diagnostic of this package carries in Extra: its stable code, around whatever HCL put there.
type coded struct {
	code  string
	inner any
}

// UnwrapDiagnosticExtra lets readers of HCL's own extras find them behind the code.
func (c coded) UnwrapDiagnosticExtra() any { return c.inner }

// CodeOf is the stable code of a diagnostic ("ACC1204"), "" for one that carries none.
func CodeOf(d *hcl.Diagnostic) string {
	if c, ok := hcl.DiagnosticExtra[interface{ DiagnosticCode() string }](d); ok {
		return c.DiagnosticCode()
	}
	return ""
}

// DiagnosticCode is the stable code.
func (c coded) DiagnosticCode() string { return c.code }

// NewDiagnostic makes an error with a stable code, for packages that report on contracts beside this one. The remedy
// says what to do.
func NewDiagnostic(code string, at hcl.Range, summary, remedy string) *hcl.Diagnostic {
	return diagnostic(hcl.DiagError, code, at, summary, remedy)
}

// NewWarning is NewDiagnostic for what need not stop anybody.
func NewWarning(code string, at hcl.Range, summary, remedy string) *hcl.Diagnostic {
	return diagnostic(hcl.DiagWarning, code, at, summary, remedy)
}

func diagnostic(sev hcl.DiagnosticSeverity, code string, at hcl.Range, summary, remedy string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: sev, Summary: summary, Detail: remedy, Subject: at.Ptr(), Extra: coded{code: code}}
}

// say is Sprintf under a name short enough for the places where a message is most of the line.
func say(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// sortDiagnostics orders by place, then severity and text, and drops doubles: what a reader sees must not depend on
// the order in which checks ran.
func sortDiagnostics(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		ra, rb := place(a), place(b)
		return cmp.Or(cmp.Compare(ra.Filename, rb.Filename), cmp.Compare(ra.Start.Byte, rb.Start.Byte),
			cmp.Compare(CodeOf(a), CodeOf(b)), cmp.Compare(a.Summary, b.Summary))
	})
	return slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool {
		return place(a) == place(b) && a.Summary == b.Summary && a.Detail == b.Detail
	})
}

func place(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}
