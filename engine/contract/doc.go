// Package contract turns HCL into a typed, checked contract. HCL ends here: nothing above it sees a body or a block.
//
// It promises every mistake at once, each an HCL diagnostic with a stable code, the source snippet and a remedy. It does
// no I/O: files come in as bytes, variables as text, and secrets stay references that somebody else resolves.
package contract
