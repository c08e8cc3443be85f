// Package soql reads SOQL (SOQL and SOSL Reference) into a tree.
//
// It promises to accept the subset its grammar comment names, to refuse the rest with the vendor's error code and a
// message that points at the place, and never to panic or loop on any input. It knows no schema: whether a field
// exists is for the reader of the tree to say.
package soql
