package main

import (
	"testing"
	"time"

	"accord/providers/monday/mondayemulator"
	"accord/providers/salesforce/salesforceemulator"
)

// Answers get lost after the vendors have carried writes out, and monday's search shows new items late: nothing is made
// twice, and both sides agree.
func TestLostAnswersAndALaggingSearch(t *testing.T) {
	t.Parallel() // most of the time goes by in waiting for the search
	s := small(t, false)
	s.must("apply", "--auto-approve")
	s.e.Monday.SetSearchLag(3 * time.Second)
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.TimeoutAfter, mondayemulator.Truncated} {
		if _, err := s.e.Monday.AddFault(mondayemulator.Fault{Kind: kind, Operation: "create_item", DelayMS: 100}); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []salesforceemulator.FaultKind{salesforceemulator.FaultDropAfter, salesforceemulator.FaultErrorAfter} {
		if err := s.e.Salesforce.Inject(salesforceemulator.Fault{Kind: kind, Operation: "PATCH composite/sobjects", Status: 503}); err != nil {
			t.Fatal(err)
		}
	}
	s.must("sync", "--once")
	for _, f := range s.e.Monday.Faults() {
		if f.Played == 0 {
			t.Errorf("this never struck: %+v", f)
		}
	}
	s.e.Monday.SetSearchLag(0)
	if t.Failed() || testing.Verbose() {
		t.Log(s.must("status"))
	}
	if left := s.e.Salesforce.Faults(); len(left) > 0 {
		t.Errorf("these never struck: %+v", left)
	}
	if clients, deals := s.check(); clients == 0 || deals == 0 {
		t.Errorf("%d clients and %d deals", clients, deals)
	}
	s.e.Monday.ResetCounters()
	s.e.Salesforce.ResetCounters()
	s.must("sync", "--once")
	if w := s.writes(); w.rows["monday"]+w.rows["salesforce"] != 0 {
		t.Errorf("the second sync wrote: %+v", w)
	}
}
