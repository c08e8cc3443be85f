// Package org is the org itself: objects, records, users, permissions and the rules a save goes through.
//
// Everything happens inside a Tx. It promises that a transaction is seen whole or not at all, that every
// committed write reaches the change feed in commit order, that records keep SystemModstamp order without a scan, and that
// the same calls at the same clock give the same ids and the same answers. It speaks no HTTP and never sleeps.
package org
