package contract

import (
	"io"

	"github.com/hashicorp/hcl/v2"
)

// WriteDiagnostics prints.
func WriteDiagnostics(w io.Writer, src Source, diags hcl.Diagnostics, width int, color bool) error {
	p := hcl.NewDiagnosticTextWriter(w, src.Parsed(), uint(width), color)
	return p.WriteDiagnostics(diags)
}
