package salesforceemulator

import (
	"crypto/sha1" //nolint:gosec // the vendor's entity tags are SHA-1 sums; nothing secret hangs on them
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// conditions are the conditional headers of a call (REST API guide, "Conditional Request Headers").
type conditions struct {
	match, noneMatch []string
	since, unless    time.Time
}

// conditions reads the headers. Those of DELETE and of parts of composite calls are not supported, and ignored. A value that cannot
// be read is ignored on GET and HEAD, as HTTP has it, and refused on PATCH and POST.
func (r *request) conditions() (conditions, *org.Error) {
	var c conditions
	if r.part || r.method == http.MethodDelete {
		return c, nil
	}
	good := true
	tags := func(name string) (list []string) {
		text := strings.TrimSpace(r.header.Get(name))
		for text != "" {
			tag, rest, ok := entityTag(text)
			if !ok {
				good = false
				return nil
			}
			list = append(list, tag)
			text = strings.TrimLeft(rest, ", \t")
		}
		return list
	}
	date := func(name string) time.Time {
		text := r.header.Get(name)
		if text == "" {
			return time.Time{}
		}
		t, err := http.ParseTime(text)
		good = good && (err == nil || name == "If-Modified-Since")
		return t
	}
	c.match, c.noneMatch = tags("If-Match"), tags("If-None-Match")
	c.since, c.unless = date("If-Modified-Since"), date("If-Unmodified-Since")
	if !good && (r.method == http.MethodPatch || r.method == http.MethodPost) {
		return c, org.Errorf("INVALID_INPUT", "If-Match, If-None-Match or If-Unmodified-Since has an invalid value")
	}
	return c, nil
}

// entityTag reads the first tag of a list: quoted, or an asterisk.
func entityTag(text string) (tag, rest string, ok bool) {
	if text[0] == '*' {
		return "*", text[1:], true
	}
	text = strings.TrimPrefix(text, "W/")
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	tag, rest, ok = strings.Cut(text[1:], `"`)
	return strings.TrimSuffix(tag, "-gzip"), rest, ok
}

func holds(list []string, tag string) bool {
	for _, t := range list {
		if t == "*" || t == tag {
			return true
		}
	}
	return false
}

// check tells what the conditions make of a resource that was last modified then and has the tag; an empty tag is a resource
// that has none, whose match conditions are ignored. True means that the response is the answer.
func (c conditions) check(method string, modified time.Time, tag string) (response, bool) {
	reads := method == http.MethodGet || method == http.MethodHead
	failed := refuse(http.StatusPreconditionFailed, "MATCH_PRECONDITION_FAILED", "A precondition of the request is not met")
	switch {
	case tag != "" && len(c.match) > 0 && !holds(c.match, tag):
		return failed, true
	case tag != "" && len(c.noneMatch) > 0 && holds(c.noneMatch, tag):
		if reads {
			return response{status: http.StatusNotModified, header: map[string]string{"ETag": quoteTag(tag)}}, true
		}
		return failed, true
	case !c.unless.IsZero() && modified.Truncate(time.Second).After(c.unless):
		return failed, true
	case !c.since.IsZero() && reads && len(c.noneMatch) == 0 && !modified.Truncate(time.Second).After(c.since):
		return response{status: http.StatusNotModified, header: map[string]string{"Last-Modified": httpTime(modified)}}, true
	}
	return response{}, false
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func quoteTag(tag string) string { return `"` + tag + `"` }

// etag is the entity tag of a record: a sum of all its fields. Only accounts have one.
func (r *request) etag(tx *org.Tx, name, id string) string {
	if tx.Canonical(name) != "Account" {
		return ""
	}
	rec, known := tx.Values(name, id)
	if !known {
		return ""
	}
	raw, err := marshal(rec) // keys come sorted
	if err != nil {
		return ""
	}
	sum := sha1.Sum(raw) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// precondition honours the conditional headers of a row.
func (r *request) precondition(tx *org.Tx, name, id string) (response, bool) {
	c, bad := r.conditions()
	if bad != nil {
		return failed(bad), true
	}
	at, known := tx.LastModified(name, id)
	if !known {
		return response{}, false
	}
	return c.check(r.method, at, r.etag(tx, name, id))
}

// definition answers something made of definitions, which may be asked for only where they have changed since.
func (r *request) definition(make func(tx *org.Tx) (any, *org.Error)) response {
	return r.view(func(tx *org.Tx) response {
		body, err := make(tx)
		if err != nil {
			return failed(err)
		}
		c, bad := r.conditions()
		if bad != nil {
			return failed(bad)
		}
		at := tx.Defined()
		if resp, stop := c.check(r.method, at, ""); stop {
			return resp
		}
		resp := ok(body)
		resp.header = map[string]string{"Last-Modified": httpTime(at)}
		return resp
	})
}
