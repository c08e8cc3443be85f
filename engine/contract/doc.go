// Package contract turns HCL into a typed, checked contract. HCL ends here: nothing above it sees a body or a block.
//
// Parse reads all files of a folder as one contract, in whatever order. It promises every mistake at once, each an HCL
// diagnostic with a stable code (CodeOf, Explain), the place in the source and a remedy; WriteDiagnostics prints them
// with the line they speak of. One mistake is one diagnostic: what only follows from another is not reported. No input
// makes it panic or exhaust the stack.
//
// Conditions and templates are checked when the contract is, and evaluated over a Scope of canonical values later. Rules
// and Digest say what a contract means apart from how it is spelled, so that two can be compared; ProbableRenames finds
// what was renamed without saying so; Format gives files their canonical spacing.
//
// It does no I/O and knows no clock of its own: files come in as bytes, variables as text, the day as an option, and
// secrets stay references that somebody else resolves (package secret). No secret ever enters the values it computes
// with, so none can be printed, hashed or written by what comes after.
package contract
