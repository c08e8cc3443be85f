// Package salesforceemulator is a local stand-in of one Salesforce org, served over the vendor's own protocols.
//
// It serves OAuth, the REST data API with collections, composite, batch and graph, Bulk API 2.0, the part of the Tooling API that
// makes fields, channels and value sets, and the Pub/Sub API over gRPC. It promises to answer as the vendor documents,
// its error bodies, limits and oddities included; to keep count of every call; to be the same from run to run under one seed and
// clock; and to fail on demand. It never shares code with the provider that talks to it, never calls out, and
// trusts whoever reaches its admin handler.
package salesforceemulator
