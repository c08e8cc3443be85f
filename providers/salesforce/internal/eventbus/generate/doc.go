// Command generate turns pubsub_api.proto into Go: the messages and the gRPC stubs.
//
// It promises the same output for the same input on every machine: the proto is compiled in process,
// and the generators are the versions go.mod names. It never needs protoc, and never writes outside
// the folder it is started in. Start it with go generate in the folder above.
package main
