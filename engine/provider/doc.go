// Package provider is the port: all that the engine asks of a system that it keeps in agreement with another.
//
// A provider translates, and decides nothing: no rule about who owns a field lives behind this port, and no knowledge
// of GraphQL, SOQL or a wire format lives in front of it. Every error that crosses it is an *Error, so that callers
// branch on a Kind and never on text. Package providertest holds the suite that every provider passes.
package provider
