// Package apply carries out a plan: structure in the order of its dependencies, then the contract put in force in one
// step, so that a half-applied plan never activates a rule whose columns or webhooks are missing.
//
// Each step is journalled before it is sent and recorded, one row per resource, when it is done: an apply may be
// interrupted anywhere and run again. What depends on a failed step is skipped and said to be.
package apply
