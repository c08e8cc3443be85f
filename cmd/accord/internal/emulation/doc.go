// Package emulation serves both emulated vendors on loopback, as one thing to start and stop: their APIs, the event
// stream, and an address for counters and faults. The people of the Salesforce org get users in the monday account.
package emulation
