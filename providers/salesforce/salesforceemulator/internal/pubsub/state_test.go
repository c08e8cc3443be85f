package pubsub

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

func TestSavedStreamsResume(t *testing.T) {
	h := newHarness(t)
	h.write(create("Account", accountID(1), map[string]any{"Name": "Acme", "NumberOfEmployees": number("12"), "BillingCity": "Rome"}))
	h.org.addField("Account", changefeed.FieldInfo{Name: "Level__c", ID: "00N000000000042", Type: "picklist", Custom: true})
	h.write(update("Account", accountID(1), map[string]any{"Phone": "1"}, map[string]any{"Phone": nil, "Level__c": "high"}))
	h.server.Publish([]changefeed.PlatformEvent{{Object: "Shipped__e", ID: "e-1", Values: map[string]any{"Weight__c": number("3")}, User: testUser, Created: h.clock.Now()}})
	before := h.subscribe(accountTest, earliest, nil, 9)
	want := before.next(2)
	data, err := h.server.Save()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.server.Save(); err != nil || !bytes.Equal(data, again) {
		t.Errorf("saving twice gives two texts: %v", err)
	}

	restarted := newHarness(t, func(o *Options) { o.Seed = 99 })
	if err := restarted.server.Load(data); err != nil {
		t.Fatal(err)
	}
	got := restarted.subscribe(accountTest, earliest, nil, 9).next(2)
	for i := range want {
		want[i].schema, got[i].schema = nil, nil
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(decoded{})); diff != "" {
		t.Error(diff)
	}
	resumed := restarted.subscribe(accountTest, custom, before.latest, 9).ready()
	restarted.write(create("Account", accountID(2), map[string]any{"Name": "Beta"}))
	if event := resumed.next(1)[0]; event.Body["Name"] != "Beta" || event.ReplayID <= got[1].ReplayID {
		t.Errorf("after the restart: %v", event)
	}
	if event := restarted.subscribe(shipped, earliest, nil, 9).next(1)[0]; event.ID != "e-1" || event.Body["Weight__c"] != 3.0 {
		t.Errorf("platform event: %v", event)
	}
}

func TestSavedStatesThatCannotBeLoaded(t *testing.T) {
	h := newHarness(t)
	h.named(2)
	good, err := h.server.Save()
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, by string) string {
		out := strings.Replace(string(good), old, by, 1)
		if out == string(good) {
			t.Fatalf("%q is not in the state", old)
		}
		return out
	}
	for _, bad := range []string{
		"", "null", "{}", "[1]", string(good[:len(good)/2]),
		replaced(`"format":1`, `"format":2`), replaced(`"schemas":[{"id":"`, `"schemas":[{"id":"x`), replaced(`"Name":"Account"`, `"Name":"Case"`),
		replaced(`"random":"`, `"random":"AAAA`), replaced(`"changes":{"counter":`, `"changes":{"counter":1,"x":`),
	} {
		if err := h.server.Load([]byte(bad)); err == nil {
			t.Errorf("%.60q was loaded", bad)
		}
	}
	if got := h.subscribe(accountTest, earliest, nil, 9).next(2); len(got) != 2 {
		t.Error("a refused state changed something")
	}
}

func FuzzLoad(f *testing.F) {
	s := New(Options{Schema: newTestOrg()})
	good, err := s.Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1,"changes":{"counter":9,"entries":[{"counter":3,"event":{"schema":"x"}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := New(Options{Schema: newTestOrg()})
		if s.Load(data) == nil {
			if _, err := s.Save(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
