package salesforceemulator

import (
	"testing"
	"time"
)

// Two saves that need the same parent collide while the first is under way; one after the other they do not.
func TestSaveHoldsItsParent(t *testing.T) {
	c := serve(t, func(o *Options) { o.WriteLatency, o.Clock = time.Millisecond, nil })
	parent := c.do("POST", "/sobjects/Account", obj{"Name": "shared"}).id()
	for range 3 {
		c.do("POST", "/sobjects/Contact", obj{"LastName": "x", "AccountId": parent}).want(201)
	}
	c.e.opts.WriteLatency = 30 * time.Second
	slow := make(chan answer, 1)
	go func() { slow <- c.do("POST", "/sobjects/Contact", obj{"LastName": "slow", "AccountId": parent}) }()
	for c.e.Count("Contact") < 4 { // committed, and still under way
		time.Sleep(time.Millisecond)
	}
	c.do("POST", "/sobjects/Contact", obj{"LastName": "y", "AccountId": parent}).want(500, "UNABLE_TO_LOCK_ROW")
	c.do("PATCH", "/sobjects/Account/"+parent, obj{"Name": "y"}).want(500, "UNABLE_TO_LOCK_ROW")
	c.srv.CloseClientConnections() // ends the wait of the slow one
	<-slow
}

func TestConcurrentLongCalls(t *testing.T) {
	c := serve(t, func(o *Options) { o.Limits = Limits{Enforce: true, ConcurrentLong: 1} })
	if err := c.e.Inject(Fault{Kind: FaultDelay, Operation: "limits", Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
	slow := make(chan answer, 1)
	go func() { slow <- c.do("GET", "/limits", nil) }()
	for c.e.Counters().Operations["limits"] == 0 {
		time.Sleep(time.Millisecond)
	}
	for len(c.e.limits.inFlight()) == 0 {
		time.Sleep(time.Millisecond)
	}
	c.query("SELECT COUNT() FROM Account").want(200)
	c.e.Advance(20 * time.Second)
	c.query("SELECT COUNT() FROM Account").want(403, "ConcurrentPerOrgLongTxn Limit exceeded")
	c.srv.CloseClientConnections()
	<-slow
}
