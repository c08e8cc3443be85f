// Package metadata holds the shape of an org: its objects and fields, where they come from and how they are described.
//
// Objects come from three places: the standard objects built in as compact text files, SFDX source format,
// and describe answers saved as JSON. The package promises that a describe made from an object names
// every property the vendor's describe names. It never holds records and never decides who may see what.
package metadata
