// Package eventbus is the wire contract of the Salesforce Pub/Sub API: messages, client and server
// stubs, generated from pubsub_api.proto.
//
// It promises the vendor's names and field numbers and nothing more. It never holds logic: the client
// and the emulator both use it, and share nothing else.
package eventbus

//go:generate go run ./generate
