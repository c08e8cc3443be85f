package salesforceemulator

import (
	"fmt"
	"sync"
	"testing"
)

// Many clients at once: every create is answered, counted and there afterwards.
func TestManyClients(t *testing.T) {
	c := serve(t)
	withKey(t, c)
	if err := c.e.SelectForChangeEvents("Account"); err != nil {
		t.Fatal(err)
	}
	const clients, rounds = 8, 10
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for i := range rounds {
				key := fmt.Sprintf("k%d-%d", n, i)
				a := c.do("PATCH", "/sobjects/Account/Key__c/"+key, obj{"Name": key})
				b := c.do("POST", "/composite", obj{"allOrNone": true, "compositeRequest": list{
					obj{"method": "POST", "url": v68 + "/sobjects/Contact", "referenceId": "c", "body": obj{"LastName": key, "Account": obj{"Key__c": key}}}}})
				q := c.query("SELECT Id, (SELECT Id FROM Contacts) FROM Account ORDER BY SystemModstamp, Id")
				d := c.do("GET", "/sobjects/Account/describe", nil)
				if a.status != 201 || b.status != 200 || q.status != 200 || d.status != 200 {
					t.Errorf("%s: %d %d %d %d", key, a.status, b.status, q.status, d.status)
				}
				c.e.Counters()
			}
		})
	}
	wg.Wait()
	c.query("SELECT COUNT() FROM Contact WHERE Account.Name != null").want(200, fmt.Sprintf(`"totalSize":%d`, clients*rounds))
	if got := c.e.Counters(); got.Operations["POST composite"] != clients*rounds || got.RowsWritten != 2*clients*rounds || got.Events.EventsPublished != clients*rounds {
		t.Errorf("counters %+v", got)
	}
}
