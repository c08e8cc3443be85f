package salesforceemulator

import (
	"testing"
	"time"
)

// A save under way holds its rows and their parents: batches and jobs that need them lose the rows concerned, and only those, until
// it is over.
func TestSaveHoldsItsParent(t *testing.T) {
	c := serve(t, func(o *Options) { o.WriteLatency = 5 * time.Second })
	insert := func(object string, fields Fields) string {
		t.Helper()
		id, err := c.e.Insert("", object, fields) // as a person: it takes no time
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	parent, other := insert("Account", Fields{"Name": "shared"}), insert("Account", Fields{"Name": "other"})
	child := insert("Contact", Fields{"LastName": "early", "AccountId": parent})
	contact := func(name, account string) obj {
		return obj{"attributes": obj{"type": "Contact"}, "LastName": name, "AccountId": account}
	}
	batch := func(records ...any) <-chan answer {
		done := make(chan answer, 1)
		go func() { done <- c.do("POST", "/composite/sobjects", obj{"records": records}) }()
		return done
	}
	there := func(n int) {
		for c.e.Count("Contact") < n { // committed, and still under way
			time.Sleep(time.Millisecond)
		}
	}
	slow := batch(contact("a", parent), contact("b", parent))
	there(3)
	c.do("PATCH", "/sobjects/Account/"+parent, obj{"Name": "y"}).want(500, "UNABLE_TO_LOCK_ROW")
	c.do("PATCH", "/sobjects/Contact/"+child, obj{"FirstName": "y"}).want(500, "UNABLE_TO_LOCK_ROW")
	second := batch(contact("c", parent), contact("d", other))
	there(4)
	c.e.Advance(5 * time.Second)
	for i, a := range []answer{<-slow, <-second} {
		a.want(200)
		first, last := a.get(0, "success"), a.get(1, "success")
		if first != (i == 0) || last != true {
			t.Errorf("batch %d: %s", i, a.raw)
		}
		if i == 1 && a.get(0, "errors", 0, "statusCode") != "UNABLE_TO_LOCK_ROW" {
			t.Errorf("the row that met the lock: %s", a.raw)
		}
	}
	again := batch(contact("c", parent))
	there(5)
	job := c.do("POST", "/jobs/ingest", obj{"object": "Contact", "operation": "insert"}).want(200).get("id").(string)
	c.do("PUT", "/jobs/ingest/"+job+"/batches", "LastName,AccountId\ne,"+parent+"\n").want(201)
	c.do("PATCH", "/jobs/ingest/"+job, obj{"state": "UploadComplete"}).want(200)
	for range 2 {
		c.do("GET", "/jobs/ingest/"+job, nil).want(200)
	}
	c.do("GET", "/jobs/ingest/"+job+"/failedResults", nil).want(200, "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")
	c.e.Advance(5 * time.Second)
	if a := <-again; a.get(0, "success") != true {
		t.Errorf("once the lock is gone: %s", a.raw)
	}
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
