package salesforceemulator

import (
	"testing"
	"time"
)

// The table of "Conditional Request Headers": entity tags for accounts, dates for every row and for describes.
func TestConditionalRequests(t *testing.T) {
	c := serve(t)
	c.e.Advance(time.Hour)
	account := "/sobjects/Account/" + c.do("POST", "/sobjects/Account", obj{"Name": "one"}).id()
	contact := "/sobjects/Contact/" + c.do("POST", "/sobjects/Contact", obj{"LastName": "one"}).id()
	tag := c.do("GET", account, nil).want(200).header.Get("ETag")
	if tag == "" || c.do("GET", contact, nil).want(200).header.Get("ETag") != "" {
		t.Fatalf("tags: %q for an account, and one for a contact", tag)
	}
	if narrow := c.do("GET", account+"?fields=Name", nil).header.Get("ETag"); narrow != tag {
		t.Errorf("the tag depends on the fields asked for: %s, %s", tag, narrow)
	}
	modified := c.do("GET", contact, nil).header.Get("Last-Modified")
	earlier := testStart.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	name, last := obj{"Name": "two"}, obj{"LastName": "two"}
	for _, step := range []struct {
		method, path string
		body         any
		header       string
		value        string
		want         int
	}{
		{"GET", account, nil, "If-None-Match", tag, 304},
		{"HEAD", account, nil, "If-None-Match", `"x", ` + tag, 304},
		{"GET", account, nil, "If-None-Match", `"x"`, 200},
		{"GET", account, nil, "If-Match", tag, 200},
		{"GET", account, nil, "If-Match", `"x"`, 412},
		{"GET", account, nil, "If-Match", `nonsense`, 200},
		{"PATCH", account, name, "If-Match", `"x"`, 412},
		{"PATCH", account, name, "If-Match", `nonsense`, 400},
		{"PATCH", account, name, "If-None-Match", tag, 412},
		{"PATCH", account, name, "If-Match", tag, 204},
		{"PATCH", account, name, "If-Match", tag, 412}, // it has changed
		{"PATCH", account, name, "If-Match", "*", 204},
		{"PATCH", contact, last, "If-Match", `"x"`, 204}, // contacts have no tags
		{"GET", contact, nil, "If-Modified-Since", modified, 304},
		{"GET", contact, nil, "If-Modified-Since", earlier, 200},
		{"GET", contact, nil, "If-Modified-Since", "nonsense", 200},
		{"GET", contact, nil, "If-Unmodified-Since", earlier, 412},
		{"PATCH", contact, last, "If-Unmodified-Since", earlier, 412},
		{"PATCH", contact, last, "If-Unmodified-Since", "nonsense", 400},
		{"PATCH", contact, last, "If-Unmodified-Since", modified, 204},
		{"GET", "/sobjects/Account/describe", nil, "If-Modified-Since", modified, 304},
		{"HEAD", "/sobjects/Account/describe", nil, "If-Modified-Since", modified, 304},
		{"GET", "/sobjects/Account/describe", nil, "If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT", 412},
		{"GET", "/sobjects", nil, "If-Modified-Since", modified, 304},
		{"DELETE", contact, nil, "If-Unmodified-Since", earlier, 204}, // not supported there
	} {
		c.hdr = map[string]string{step.header: step.value}
		a := c.do(step.method, step.path, step.body)
		if a.status != step.want {
			t.Errorf("%s %s with %s: %s gives %d, want %d: %.200s", step.method, step.path, step.header, step.value, a.status, step.want, a.raw)
		}
		if a.status == 412 {
			a.want(412, "MATCH_PRECONDITION_FAILED")
		}
	}
	c.e.Advance(time.Minute)
	withKey(t, c)
	c.hdr = map[string]string{"If-Modified-Since": modified}
	c.do("GET", "/sobjects/Account/describe", nil).want(200, "Key__c")
}
