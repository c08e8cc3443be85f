// Package examples holds a complete contract, and triggers to put beside it. Tests plan and sync them, and the demo runs the
// contract.
package examples

import "embed"

// FS holds the examples, a folder each.
//
//go:embed handoff triggers
var FS embed.FS
