package salesforceemulator

import (
	"net/http"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// saved is the answer to a create or upsert of one row.
func saved(id string) metadata.Ordered {
	return metadata.Ordered{{Key: "id", Value: id}, {Key: "success", Value: true}, {Key: "errors", Value: []any{}}}
}

// sobjects serves /sobjects/... (REST API guide, chapter "Reference").
func (r *request) sobjects() response {
	switch len(r.path) {
	case 1:
		if r.method != http.MethodGet && r.method != http.MethodHead {
			return methodNotAllowed(r.method, "GET,HEAD")
		}
		return r.definition(func(tx *org.Tx) (any, *org.Error) {
			return metadata.Ordered{{Key: "encoding", Value: "UTF-8"}, {Key: "maxBatchSize", Value: 200}, {Key: "sobjects", Value: tx.Objects(r.base())}}, nil
		})
	case 2:
		return r.object(r.path[1])
	case 3:
		return r.row(r.path[1], r.path[2])
	case 4:
		if r.path[2] == "describe" && r.path[3] == "layouts" {
			return r.layouts(r.path[1], "")
		}
		return r.byField(r.path[1], r.path[2], r.path[3])
	case 5:
		if r.path[2] == "describe" && r.path[3] == "layouts" {
			return r.layouts(r.path[1], r.path[4])
		}
	}
	return failed(org.NotFound())
}

func (r *request) object(name string) response {
	switch r.method {
	case http.MethodGet:
		return r.view(func(tx *org.Tx) response {
			head, err := tx.Head(name, r.base())
			if err != nil {
				return failed(err)
			}
			return ok(metadata.Ordered{{Key: "objectDescribe", Value: head}, {Key: "recentItems", Value: []any{}}})
		})
	case http.MethodPost:
		return r.create(name)
	}
	return methodNotAllowed(r.method, "GET,POST,HEAD")
}

func (r *request) create(name string) response {
	var in org.Fields
	if err := r.decode(&in); err != nil {
		return failed(err)
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		id, err := tx.Insert(name, in)
		if err != nil {
			return failed(err), false
		}
		if tx.IsEvent(name) {
			return response{status: http.StatusCreated, body: eventAccepted(id)}, true
		}
		url := r.base() + "/sobjects/" + tx.Canonical(name) + "/" + id
		return response{status: http.StatusCreated, body: saved(id), header: map[string]string{"Location": url}}, true
	})
}

// eventAccepted is the answer to a published platform event: a success that carries an entry in errors.
func eventAccepted(uuid string) metadata.Ordered {
	return metadata.Ordered{{Key: "id", Value: "e01xx0000000001AAA"}, {Key: "success", Value: true},
		{Key: "errors", Value: []any{metadata.Ordered{{Key: "statusCode", Value: "OPERATION_ENQUEUED"}, {Key: "message", Value: uuid}, {Key: "fields", Value: []any{}}}}}}
}

func (r *request) row(name, id string) response {
	switch id {
	case "describe":
		return r.describe(name)
	case "updated", "deleted":
		return r.replicate(name, id)
	case "eventSchema":
		return refuse(http.StatusNotFound, "NOT_FOUND", "Schemas are served by the Pub/Sub API here")
	case "Id":
		if r.method == http.MethodPost {
			return r.create(name)
		}
	}
	switch r.method {
	case http.MethodGet, http.MethodHead:
		return r.view(func(tx *org.Tx) response {
			if resp, stop := r.precondition(tx, name, id); stop {
				return resp
			}
			rec, err := tx.Get(name, id, split(r.query.Get("fields")), r.base())
			if err != nil {
				return failed(err)
			}
			resp := ok(rec)
			if at, ok := tx.LastModified(name, id); ok {
				resp.header = map[string]string{"Last-Modified": httpTime(at)}
			}
			if tag := r.etag(tx, name, id); tag != "" && !r.part {
				resp.header["ETag"] = quoteTag(tag)
			}
			return resp
		})
	case http.MethodPatch:
		var in org.Fields
		if err := r.decode(&in); err != nil {
			return failed(err)
		}
		return r.write(func(tx *org.Tx) (response, bool) {
			if resp, stop := r.precondition(tx, name, id); stop {
				return resp, false
			}
			if err := tx.Update(name, id, in); err != nil {
				return rowError(err), false
			}
			return response{status: http.StatusNoContent}, true
		})
	case http.MethodDelete:
		return r.write(func(tx *org.Tx) (response, bool) {
			if err := tx.Delete(name, id); err != nil {
				return rowError(err), false
			}
			return response{status: http.StatusNoContent}, true
		})
	}
	return methodNotAllowed(r.method, "DELETE,GET,PATCH,HEAD")
}

// rowError gives an unknown id the answer of the row resource, which differs from that of a list.
func rowError(err *org.Error) response {
	if err.Code == "INVALID_CROSS_REFERENCE_KEY" && err.Status == http.StatusNotFound {
		return failed(org.NotFound())
	}
	return failed(err)
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	out := strings.Split(list, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func (r *request) describe(name string) response {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return methodNotAllowed(r.method, "GET,HEAD")
	}
	return r.definition(func(tx *org.Tx) (any, *org.Error) { return tx.Describe(name, r.base()) })
}

// replicate serves updated and deleted.
func (r *request) replicate(name, what string) response {
	start, ok1 := parseTime(r.query.Get("start"))
	end, ok2 := parseTime(r.query.Get("end"))
	if !ok1 || !ok2 {
		return refuse(http.StatusBadRequest, "INVALID_REPLICATION_DATE", "start and end must be ISO 8601 datetimes with a zone (encode + as %%2B)")
	}
	covered := end.UTC().Truncate(time.Minute)
	return r.view(func(tx *org.Tx) response {
		if now := tx.Now().Truncate(time.Minute); covered.After(now) {
			covered = now
		}
		if what == "updated" {
			ids, err := tx.Updated(name, start, end)
			if err != nil {
				return failed(err)
			}
			return ok(metadata.Ordered{{Key: "ids", Value: ids}, {Key: "latestDateCovered", Value: covered.Format(soql.DateTimeLayout)}})
		}
		list, err := tx.Deleted(name, start, end)
		if err != nil {
			return failed(err)
		}
		return ok(metadata.Ordered{{Key: "deletedRecords", Value: list}, {Key: "earliestDateAvailable", Value: tx.Now().Add(-15 * 24 * time.Hour).Truncate(time.Minute).Format(soql.DateTimeLayout)},
			{Key: "latestDateCovered", Value: covered.Format(soql.DateTimeLayout)}})
	})
}

func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, strings.Replace(s, " ", "+", 1)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// byField serves /sobjects/X/Field/value: rows by external id.
func (r *request) byField(name, field, value string) response {
	if field == "describe" { // compact layouts and approval layouts are not emulated
		return failed(org.NotFound())
	}
	if _, isID := sfid.Normalize(field); isID && r.method == http.MethodGet {
		return failed(org.NotFound())
	}
	switch r.method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		return r.findByField(name, field, value)
	case http.MethodPatch, http.MethodPost:
		return r.upsert(name, field, value)
	}
	return methodNotAllowed(r.method, "DELETE,GET,PATCH,HEAD")
}

func (r *request) several(name string, ids []string) response {
	urls := make([]string, len(ids))
	for i, id := range ids {
		urls[i] = r.base() + "/sobjects/" + name + "/" + id
	}
	return response{status: http.StatusMultipleChoices, body: urls}
}

func (r *request) findByField(name, field, value string) response {
	find := func(tx *org.Tx) (string, response) {
		ids, err := tx.Find(name, field, value)
		switch {
		case err != nil:
			return "", failed(err)
		case len(ids) == 0:
			return "", failed(org.NotFound())
		case len(ids) > 1:
			return "", r.several(tx.Canonical(name), ids)
		}
		return ids[0], response{}
	}
	if r.method == http.MethodDelete {
		return r.write(func(tx *org.Tx) (response, bool) {
			id, resp := find(tx)
			if id == "" {
				return resp, false
			}
			if err := tx.Delete(name, id); err != nil {
				return rowError(err), false
			}
			return response{status: http.StatusNoContent}, true
		})
	}
	return r.view(func(tx *org.Tx) response {
		id, resp := find(tx)
		if id == "" {
			return resp
		}
		rec, err := tx.Get(name, id, split(r.query.Get("fields")), r.base())
		if err != nil {
			return failed(err)
		}
		return ok(rec)
	})
}

func (r *request) upsert(name, field, value string) response {
	var in org.Fields
	if err := r.decode(&in); err != nil {
		return failed(err)
	}
	for k := range in {
		if strings.EqualFold(k, field) {
			return refuse(http.StatusBadRequest, "INVALID_FIELD", "The %s field should not be specified in the sobject data.", field)
		}
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		up, err := tx.Upsert(name, field, value, in, r.query.Get("updateOnly") == "true")
		if err != nil {
			return rowError(err), false
		}
		if len(up.Several) > 0 {
			return r.several(tx.Canonical(name), up.Several), false
		}
		body := append(saved(up.ID), metadata.Member{Key: "created", Value: up.Created})
		if up.Created {
			return response{status: http.StatusCreated, body: body, header: map[string]string{"Location": r.base() + "/sobjects/" + tx.Canonical(name) + "/" + up.ID}}, true
		}
		if r.version < "46.0" {
			return response{status: http.StatusNoContent}, true
		}
		return ok(body), true
	})
}

// soql serves query and queryAll, and the pages of their results.
func (r *request) soql(all bool) response {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return methodNotAllowed(r.method, "HEAD,GET")
	}
	if len(r.path) > 1 && r.path[1] != "" {
		return r.nextPage(r.path[1], "/query/", false)
	}
	return r.runQuery(org.QueryOptions{All: all}, "/query/")
}

func (r *request) runQuery(opts org.QueryOptions, next string) response {
	text := r.query.Get("q")
	if r.query.Get("explain") != "" {
		return refuse(http.StatusBadRequest, "INVALID_OPERATION", "Query plans are not emulated")
	}
	if text == "" {
		return refuse(http.StatusBadRequest, "MALFORMED_QUERY", "A query string has to be specified")
	}
	return r.view(func(tx *org.Tx) response {
		res, err := tx.Query(text, r.base(), opts)
		if err != nil {
			return failed(err)
		}
		return ok(r.page(tx, res, "", 0, next, opts.Tooling))
	})
}

// page renders one page of a result and remembers the rest under a locator.
func (r *request) page(tx *org.Tx, res *org.Result, locator string, from int, next string, tooling bool) metadata.Ordered {
	size := pageSize(r.header)
	to := from + size
	out := metadata.Ordered{}
	if tooling {
		out.Set("size", max(0, min(size, res.Len()-from)))
	}
	out.Set("totalSize", res.Size)
	done := to >= res.Len()
	out.Set("done", done)
	if !done {
		if locator == "" {
			locator = r.e.locators.put(res, r.session.user)
		}
		out.Set("nextRecordsUrl", r.base()+next+locatorAt(locator, to))
	}
	if tooling {
		out.Set("queryLocator", nil)
		out.Set("entityTypeName", res.Entity)
	}
	out.Set("records", res.Page(tx, from, to))
	return out
}

func (r *request) nextPage(locator, next string, tooling bool) response {
	id, from, good := parseLocator(locator)
	res, found := r.e.locators.get(id, r.session.user)
	if !good || !found || from > res.Len() {
		return refuse(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	return r.view(func(tx *org.Tx) response { return ok(r.page(tx, res, id, from, next, tooling)) })
}

func (r *request) limits() response {
	if r.method != http.MethodGet {
		return methodNotAllowed(r.method, "GET,HEAD")
	}
	return r.view(func(tx *org.Tx) response {
		if !tx.Permissions().Has("PermissionsViewSetup") {
			return refuse(http.StatusForbidden, "INSUFFICIENT_ACCESS", "insufficient access rights on entity: limits")
		}
		return ok(r.e.limits.answer(r.e.events.Counters().DeliveredLastDay))
	})
}
