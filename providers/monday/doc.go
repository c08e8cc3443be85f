// Package monday is the provider of monday.com: boards and their items over the platform API (GraphQL), and webhooks.
//
// It translates between the port and the vendor, and decides nothing. One HTTP request carries as many mutations as
// the vendor allows, because the vendor counts requests by the day; a write that may have been carried out is never
// repeated under a new key; labels are written by id, dates in UTC, decimals as text. A column that our user may not
// see is absent from a record, never empty. Every error is a *provider.Error; no secret is kept in a field that prints,
// in an error or in a log line. The package never removes a label, a column or an item that it was not told to.
package monday
