package salesforceemulator

import (
	"fmt"
	"net/http"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// itemError is an error inside a collection's answer, which says statusCode where a call's says errorCode.
func itemError(err *org.Error) metadata.Ordered {
	fields := err.Fields
	if fields == nil {
		fields = []string{}
	}
	entry := metadata.Ordered{{Key: "statusCode", Value: err.Code}, {Key: "message", Value: err.Message}, {Key: "fields", Value: fields}}
	if err.Duplicates != nil {
		entry.Set("duplicateResult", duplicateResult(err))
	}
	return metadata.Ordered{{Key: "success", Value: false}, {Key: "errors", Value: []any{entry}}}
}

var rolledBack = &org.Error{Code: "ALL_OR_NONE_OPERATION_ROLLED_BACK", Message: "Record rolled back because not all records were valid and the request was using AllOrNone header"}

// collections serves /composite/sobjects... (REST API guide, "sObject Collections").
func (r *request) collections() response {
	rest := r.path[2:]
	switch {
	case len(rest) == 0 && r.method == http.MethodPost:
		return r.saveMany(func(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error) {
			object := recordType(in)
			id, err := tx.Insert(object, in)
			if err == nil && tx.IsEvent(object) {
				return eventAccepted(id), nil
			}
			return saved(id), err
		})
	case len(rest) == 0 && r.method == http.MethodPatch:
		return r.saveMany(updateItem)
	case len(rest) == 0 && r.method == http.MethodDelete:
		return r.deleteMany()
	case len(rest) == 1 && r.method == http.MethodGet:
		return r.retrieve(rest[0], split(r.query.Get("ids")), split(r.query.Get("fields")), 2000)
	case len(rest) == 1 && r.method == http.MethodPost:
		var body struct {
			IDs    []string `json:"ids"`
			Fields []string `json:"fields"`
		}
		if err := r.decode(&body); err != nil {
			return failed(err)
		}
		return r.retrieve(rest[0], body.IDs, body.Fields, 2000)
	case len(rest) == 2 && r.method == http.MethodPatch:
		return r.upsertMany(rest[0], rest[1])
	case len(rest) == 0:
		return methodNotAllowed(r.method, "DELETE,PATCH,POST")
	}
	return failed(org.NotFound())
}

func recordType(in org.Fields) string {
	attrs, _ := in["attributes"].(map[string]any)
	s, _ := attrs["type"].(string)
	return s
}

// take removes a key, whatever its case.
func take(in org.Fields, name string) any {
	for k, v := range in {
		if strings.EqualFold(k, name) {
			delete(in, k)
			return v
		}
	}
	return nil
}

func updateItem(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error) {
	id, _ := take(in, "id").(string)
	if id == "" {
		return nil, &org.Error{Code: "MISSING_ARGUMENT", Message: "Id not specified in an update call", Fields: []string{"Id"}}
	}
	if err := tx.Update(recordType(in), id, in); err != nil {
		return nil, err
	}
	if known := tx.ID(id); known != "" {
		id = known
	}
	return saved(id), nil
}

type collectionBody struct {
	AllOrNone bool         `json:"allOrNone"`
	Records   []org.Fields `json:"records"`
}

func (r *request) records() (collectionBody, *org.Error) {
	var body collectionBody
	if err := r.decode(&body); err != nil {
		return body, err
	}
	if len(body.Records) == 0 {
		return body, org.Errorf("REQUIRED_FIELD_MISSING", "Records to create/update can't be null or empty.")
	}
	if len(body.Records) > 200 {
		return body, org.Errorf("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records in this operation")
	}
	chunks, last := 0, ""
	for i, rec := range body.Records {
		object := recordType(rec)
		if object == "" {
			return body, &org.Error{Code: "INVALID_INPUT", Message: fmt.Sprintf("The records[%d] has no attributes.type", i)}
		}
		if !strings.EqualFold(object, last) {
			chunks, last = chunks+1, object
		}
	}
	if chunks > 10 {
		return body, org.Errorf("LIMIT_EXCEEDED", "Operation can not have more than 10 chunks. Rearrange the data to reduce chunking.")
	}
	return body, nil
}

// saveMany runs one save per record, in order. A record that fails takes back what it did; with allOrNone it takes
// back all. A body a record of which cannot be read fails as a whole.
func (r *request) saveMany(save func(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error)) response {
	body, err := r.records()
	if err != nil {
		return failed(err)
	}
	return r.write(func(tx *org.Tx) (response, bool) { return r.each(tx, body, save) })
}

func (r *request) each(tx *org.Tx, body collectionBody, save func(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error)) (response, bool) {
	out := make([]metadata.Ordered, len(body.Records))
	failures := 0
	seen := map[string]bool{}
	for i, rec := range body.Records {
		mark := tx.Savepoint()
		err := r.e.itemFault(operation(r.method, r.path), i)
		if id, _ := peek(rec, "id").(string); err == nil && id != "" && r.method == http.MethodPatch {
			key := clipID(id)
			if seen[key] {
				err = &org.Error{Code: "INVALID_ID_FIELD", Message: "duplicate id in list: " + id}
			}
			seen[key] = true
		}
		var res metadata.Ordered
		if err == nil {
			res, err = save(tx, rec)
		}
		if err != nil {
			if err.Code == "JSON_PARSER_ERROR" {
				return failed(err), false
			}
			tx.RollbackTo(mark)
			res = itemError(err)
			failures++
			r.e.counts.failedItem(err.Code)
		}
		out[i] = res
	}
	if failures > 0 && body.AllOrNone {
		for i := range out {
			if out[i].Get("success") == true {
				out[i] = itemError(rolledBack)
			}
		}
		return ok(out), false
	}
	return ok(out), true
}

func clipID(id string) string {
	if len(id) > 15 {
		return id[:15]
	}
	return id
}

func peek(in org.Fields, name string) any {
	for k, v := range in {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func (r *request) upsertMany(object, field string) response {
	body, err := r.records()
	if err != nil {
		return failed(err)
	}
	for _, rec := range body.Records {
		if !strings.EqualFold(recordType(rec), object) {
			return refuse(http.StatusBadRequest, "INVALID_INPUT", "The attributes.type of every record must be %s", object)
		}
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		f, err := tx.ExternalField(object, field)
		if err != nil {
			return failed(err), false
		}
		doubles := duplicates(body.Records, f.Name)
		return r.each(tx, body, func(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error) {
			key := take(in, f.Name)
			if key == nil {
				return nil, &org.Error{Code: "MISSING_ARGUMENT", Message: f.Name + " not specified", Fields: []string{f.Name}}
			}
			if text := strings.ToLower(fmt.Sprint(key)); doubles[text] {
				return nil, &org.Error{Code: "DUPLICATE_VALUE", Message: "Duplicate external id specified: " + fmt.Sprint(key), Fields: []string{f.Name}}
			}
			if f.Type != "id" {
				if id := peek(in, "id"); id != nil {
					return nil, &org.Error{Code: "INVALID_FIELD", Message: "The Id field should not be specified in the sobject data."}
				}
			}
			up, err := tx.Upsert(object, f.Name, key, in, false)
			if err != nil {
				return nil, err
			}
			if len(up.Several) > 0 {
				return nil, &org.Error{Code: "DUPLICATE_EXTERNAL_ID", Message: fmt.Sprintf("%s: more than one record found for external id field: %v", f.Name, up.Several), Fields: []string{f.Name}}
			}
			return append(saved(up.ID), metadata.Member{Key: "created", Value: up.Created}), nil
		})
	})
}

// duplicates finds external ids that occur more than once in one list: each of their records fails.
func duplicates(records []org.Fields, field string) map[string]bool {
	count, out := map[string]int{}, map[string]bool{}
	for _, rec := range records {
		if v := peek(rec, field); v != nil {
			key := strings.ToLower(fmt.Sprint(v))
			if count[key]++; count[key] > 1 {
				out[key] = true
			}
		}
	}
	return out
}

func (r *request) deleteMany() response {
	ids := split(r.query.Get("ids"))
	if len(ids) == 0 {
		return refuse(http.StatusBadRequest, "REQUIRED_FIELD_MISSING", "The ids parameter is required")
	}
	if len(ids) > 200 {
		return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records in this operation")
	}
	body := collectionBody{AllOrNone: r.query.Get("allOrNone") == "true"}
	for _, id := range ids {
		body.Records = append(body.Records, org.Fields{"id": id})
	}
	return r.write(func(tx *org.Tx) (response, bool) {
		return r.each(tx, body, func(tx *org.Tx, in org.Fields) (metadata.Ordered, *org.Error) {
			id, _ := in["id"].(string)
			if err := tx.DeleteAny(id); err != nil {
				return nil, err
			}
			return saved(tx.ID(id)), nil
		})
	})
}

func (r *request) retrieve(object string, ids, fields []string, limit int) response {
	if len(ids) == 0 || len(fields) == 0 {
		return refuse(http.StatusBadRequest, "MISSING_ARGUMENT", "ids and fields are required")
	}
	if len(ids) > limit {
		return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records in this operation", limit)
	}
	return r.view(func(tx *org.Tx) response {
		list, err := tx.Retrieve(object, ids, fields, r.base())
		if err != nil {
			return failed(err)
		}
		return ok(list)
	})
}
