// Package sfid mints and checks Salesforce record ids.
//
// It promises that every id it returns has 18 characters with the right checksum, and that an id with
// 15 characters and its 18-character form are the same id. It never says whether a record exists.
package sfid
