// Package providertest holds the suite that every provider passes, and an in-memory vendor for tests of the engine, with
// faults on demand, which passes it too.
//
// The suite promises to look at nothing but the port (package provider) and at what people see at the vendor: what is
// wanted, made and described; values of every kind there and back; batches whose rows fail alone; repetition; requests
// that ask before they are sent; reports of changes, cursors and their loss; people; and every fault that the vendor can be made to have, with what each becomes
// listed in the test's log. It never says how a provider should talk to its vendor, knows no vendor, and waits for
// things to happen instead of for time to pass. A provider's own test opens a fresh vendor for each case:
//
//	func TestProviderConforms(t *testing.T) {
//		providertest.Run(t, providertest.Harness{Open: open, Faults: faults})
//	}
package providertest
