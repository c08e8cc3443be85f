// Package gql runs GraphQL documents against a schema and a table of resolvers.
//
// It promises the order the specification asks for (fields in document order, mutations one after
// the other, a failing nullable field is null and the rest goes on) and answers in one pass over a
// byte buffer, so that a page of five hundred items costs milliseconds. It knows nothing of any
// vendor: error codes come from the resolvers. It never panics on a document, whatever is in it:
// a resolver that does is turned into an error of that field.
package gql
