// Package examples holds complete contracts. Tests plan and sync each of them, and the demo runs one.
package examples

import "embed"

// FS holds the examples, a folder each.
//
//go:embed handoff
var FS embed.FS
