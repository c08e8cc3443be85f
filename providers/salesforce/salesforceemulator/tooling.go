package salesforceemulator

import (
	"net/http"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// tooling serves /tooling/...: queries over definitions, and the definitions a sync creates.
func (r *request) tooling() response {
	if !r.part {
		r.caller.Origin = strings.Replace(r.caller.Origin, "/rest/", "/toolingrest/", 1)
	}
	p := r.path[1:]
	if len(p) == 0 {
		return ok(metadata.Ordered{{Key: "query", Value: r.base() + "/tooling/query"}, {Key: "sobjects", Value: r.base() + "/tooling/sobjects"}})
	}
	switch p[0] {
	case "query", "queryAll":
		if r.method != http.MethodGet {
			return methodNotAllowed(r.method, "GET,HEAD")
		}
		if len(p) > 1 && p[1] != "" {
			return r.nextPage(p[1], "/tooling/query/", true)
		}
		return r.runQuery(org.QueryOptions{Tooling: true}, "/tooling/query/")
	case "sobjects":
		switch len(p) {
		case 2:
			return r.toolingCreate(p[1])
		case 3:
			return r.toolingRow(p[1], p[2])
		}
	}
	return failed(org.NotFound())
}

func (r *request) toolingCreate(object string) response {
	if r.method != http.MethodPost {
		return methodNotAllowed(r.method, "GET,POST,HEAD")
	}
	if isDataObject(object) {
		return r.create(object)
	}
	var body org.ToolingBody
	if err := r.decode(&body); err != nil {
		return failed(err)
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		id, err := tx.ToolingCreate(object, body)
		if err != nil {
			return failed(err), false
		}
		answer := append(saved(id), metadata.Member{Key: "warnings", Value: []any{}}, metadata.Member{Key: "infos", Value: []any{}})
		return response{status: http.StatusCreated, body: answer, header: map[string]string{"Location": r.base() + "/tooling/sobjects/" + object + "/" + id}}, true
	})
}

// isDataObject names the few sObjects that both APIs write.
func isDataObject(object string) bool {
	switch strings.ToLower(object) {
	case "permissionset", "objectpermissions", "fieldpermissions", "permissionsetassignment", "recordtype", "user", "profile":
		return true
	}
	return false
}

func (r *request) toolingRow(object, id string) response {
	if isDataObject(object) {
		return r.row(object, id)
	}
	switch r.method {
	case http.MethodGet, http.MethodHead:
		return r.view(func(tx *org.Tx) response {
			rec, err := tx.ToolingGet(object, id, r.base())
			if err != nil {
				return failed(err)
			}
			return ok(rec)
		})
	case http.MethodPatch:
		var body org.ToolingBody
		if err := r.decode(&body); err != nil {
			return failed(err)
		}
		return r.write(func(tx *org.Tx) (response, bool) {
			if err := tx.ToolingUpdate(object, id, body); err != nil {
				return failed(err), false
			}
			return response{status: http.StatusNoContent}, true
		})
	case http.MethodDelete:
		return r.write(func(tx *org.Tx) (response, bool) {
			if err := tx.ToolingDelete(object, id); err != nil {
				return failed(err), false
			}
			return response{status: http.StatusNoContent}, true
		})
	}
	return methodNotAllowed(r.method, "DELETE,GET,PATCH,HEAD")
}
