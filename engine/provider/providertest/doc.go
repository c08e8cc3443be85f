// Package providertest holds an in-memory vendor for tests of the engine, with faults on demand, and the suite that every
// provider passes, the fake one included.
package providertest
