// Package view renders what commands say. Every command returns a value; here it becomes text for people, or JSON.
//
// It never decides and never reads anything: the same value gives the same text. Colour is an extra, never the only
// carrier of a meaning.
package view
