// Command accord keeps monday.com and Salesforce in agreement under a contract that lives in Git.
//
// main.go wires; each command has a file of its own; what commands say is rendered by internal/view. Data goes to
// standard output, diagnostics to standard error.
package main
