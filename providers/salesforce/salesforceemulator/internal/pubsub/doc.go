// Package pubsub is the event side of the emulated org: the Pub/Sub API over gRPC, serving change data
// capture and platform events in Avro.
//
// It promises what the vendor's Pub/Sub API guide and Change Data Capture guide describe: credits, replay,
// keep-alives, retention, channels with enrichment and filters, merged events, bitmaps, gaps, overflows, text
// diffs, and the documented error codes. A Server is fed by the store through changefeed.Sink and asks the org
// through changefeed.Schema; the same feed, seed and clock give the same events with the same replay ids.
//
// It never changes a record, never calls the org while it holds its own lock (the store calls in while holding
// its lock), and never decides what is captured: channels and members are the org's.
//
// Left out: managed subscriptions, which are beta at the vendor, answer as in an org that has configured none,
// and the array fields of UserChangeEvent.
package pubsub
