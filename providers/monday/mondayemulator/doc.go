// Package mondayemulator is a local stand-in of the monday.com platform API, version 2026-10:
// GraphQL over HTTP with webhooks, complexity, limits, idempotency keys and bulk import.
//
// It promises to answer as the vendor's documentation says (developer.monday.com), error bodies and
// oddities included, so that a client cannot tell the two apart within what schema.graphql serves;
// that equal seeds and equal sequences of calls give equal ids and answers; and that everything is
// counted, refused or not. Where the documentation is silent the choice made is in the comment of
// the code that makes it. Complexity prices are the one approximation: the vendor publishes none.
//
// It never shares code with the provider that talks to it: a misreading of the documentation has to
// show as a failing test.
package mondayemulator
