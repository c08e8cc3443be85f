// Package sheet is the review file of matches: a CSV file that accord writes, a person fills in with any spreadsheet, and
// accord reads back.
//
// It promises that what it writes reads back as it was, that no cell is taken for a formula by a spreadsheet, and that any
// file at all gives rows or problems with their lines.
package sheet
