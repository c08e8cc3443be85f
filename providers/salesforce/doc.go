// Package salesforce is the provider for a Salesforce org: the port's words become REST, SOQL, Tooling and Pub/Sub calls.
//
// It promises that every failure the vendor reports, inside an HTTP 200 too, crosses the port as a *provider.Error with
// the vendor's code, message and request id; that a write which may have taken effect is never repeated here; that the
// same batch gives byte-identical requests; and that no secret reaches a log, an error or an audit entry. It never
// decides what is written or who owns a field, and it never imports the emulator outside its tests.
package salesforce
