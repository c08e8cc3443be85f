package salesforce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"accord/engine/provider"
)

// vendorError is one entry of an error array. Requests as a whole say errorCode, rows of collections and subrequests of
// composites say statusCode (REST API Developer Guide, "Status Codes and Error Responses").
type vendorError struct {
	ErrorCode  string   `json:"errorCode"`
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (v vendorError) code() string { return orElse(v.ErrorCode, v.StatusCode) }

// httpStatus lets an *provider.Error carry the status of the answer below it.
type httpStatus int

func (s httpStatus) Error() string { return fmt.Sprintf("HTTP %d %s", int(s), http.StatusText(int(s))) }

func statusOf(err error) int {
	var s httpStatus
	if errors.As(err, &s) {
		return int(s)
	}
	return 0
}

// kinds says what can be done about each of the vendor's codes, after the error catalogues of the REST, SOAP and Bulk
// API guides. Codes that are not here go by HTTP status.
var kinds = map[string]provider.Kind{
	"INVALID_SESSION_ID":  provider.Unauthorized,
	"INVALID_AUTH_HEADER": provider.Unauthorized,

	"API_DISABLED_FOR_ORG":                                provider.Denied,
	"API_CURRENTLY_DISABLED":                              provider.Transient,
	"SERVER_UNAVAILABLE":                                  provider.Transient,
	"TOO_MANY_APEX_REQUESTS":                              provider.Throttled,
	"REQUEST_RUNNING_TOO_LONG":                            provider.Locked,
	"QUERY_TIMEOUT":                                       provider.Locked,
	"INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": provider.Transient,
	"INVALID_READ_ONLY_USER_DML":                          provider.Transient,
	"STORAGE_LIMIT_EXCEEDED":                              provider.Exhausted,
	"LIMIT_EXCEEDED":                                      provider.Exhausted,

	"UNABLE_TO_LOCK_ROW": provider.Locked,
	"ENTITY_IS_LOCKED":   provider.Locked,

	"DUPLICATE_VALUE":                   provider.Stale,
	"PROCESSING_HALTED":                 provider.Transient,
	"ALL_OR_NONE_OPERATION_ROLLED_BACK": provider.Transient,
	"INVALID_QUERY_LOCATOR":             provider.Stale,

	"ENTITY_IS_DELETED": provider.NotFound,
	"NOT_FOUND":         provider.NotFound,

	// Of Bulk API jobs (Bulk API 2.0 and Bulk API Developer Guide, "Errors").
	"TooManyLockFailure": provider.Locked,
	"Timeout":            provider.Locked,
	"ExceededQuota":      provider.Exhausted,

	"DUPLICATE_EXTERNAL_ID":                   provider.Invalid,
	"DUPLICATES_DETECTED":                     provider.Invalid,
	"DUPLICATE_DEVELOPER_NAME":                provider.Stale,
	"FIELD_CUSTOM_VALIDATION_EXCEPTION":       provider.Invalid,
	"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": provider.Invalid,
	"FIELD_INTEGRITY_EXCEPTION":               provider.Invalid,
	"FIELD_FILTER_VALIDATION_EXCEPTION":       provider.Invalid,
	"REQUIRED_FIELD_MISSING":                  provider.Invalid,
	"STRING_TOO_LONG":                         provider.Invalid,
	"NUMBER_OUTSIDE_VALID_RANGE":              provider.Invalid,
	"JSON_PARSER_ERROR":                       provider.Invalid,
	"INVALID_TYPE_ON_FIELD_IN_RECORD":         provider.Invalid,
	"INVALID_FIELD":                           provider.Invalid,
	"INVALID_TYPE":                            provider.NotFound,
	"MALFORMED_QUERY":                         provider.Invalid,
	"MALFORMED_ID":                            provider.Invalid,
	"INVALID_EMAIL_ADDRESS":                   provider.Invalid,
	"INACTIVE_OWNER_OR_USER":                  provider.Invalid,
	"TRANSFER_REQUIRES_READ":                  provider.Invalid,
	"CANNOT_UPDATE_CONVERTED_LEAD":            provider.Invalid,
	"ENTITY_IS_ARCHIVED":                      provider.Invalid,
	"UNSUPPORTED_API_VERSION":                 provider.Invalid,
	"METHOD_NOT_ALLOWED":                      provider.Invalid,
	"UNSUPPORTED_MEDIA_TYPE":                  provider.Invalid,

	"INVALID_FIELD_FOR_INSERT_UPDATE":               provider.Denied,
	"INSUFFICIENT_ACCESS":                           provider.Denied,
	"INSUFFICIENT_ACCESS_OR_READONLY":               provider.Denied,
	"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": provider.Denied,
	"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY":          provider.Invalid,
	"CANNOT_EXECUTE_FLOW_TRIGGER":                   provider.Invalid,
	"INVALID_CROSS_REFERENCE_KEY":                   provider.Stale,
}

// kindOf judges one error of the vendor. Status is that of the answer, 0 for a row inside one.
func kindOf(v vendorError, status int, write bool) provider.Kind {
	code := v.code()
	switch code {
	case "REQUEST_LIMIT_EXCEEDED":
		// The same code stands for the day's allowance and for too many long requests at once; only the text tells.
		if strings.Contains(v.Message, "Concurrent") {
			return provider.Throttled
		}
		return provider.Exhausted
	case "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER":
		// Somebody's trigger or flow threw; if what it met was a lock, the row is fine.
		if strings.Contains(v.Message, "UNABLE_TO_LOCK_ROW") {
			return provider.Locked
		}
	case "INVALID_CROSS_REFERENCE_KEY":
		if status == 0 && len(v.Fields) == 0 {
			return provider.NotFound // the row's own id
		}
	}
	if k, ok := kinds[code]; ok {
		return k
	}
	if strings.HasPrefix(code, "TXN_SECURITY") {
		return provider.Denied
	}
	if status == 0 && code != "" {
		return provider.Invalid // most of the vendor's many codes are about a row's data
	}
	return kindOfStatus(status, write)
}

func kindOfStatus(status int, write bool) provider.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return provider.Unauthorized
	case status == http.StatusForbidden:
		return provider.Denied
	case status == http.StatusNotFound:
		return provider.NotFound
	case status == http.StatusPreconditionFailed || status == http.StatusConflict:
		return provider.Stale
	case status == http.StatusTooManyRequests:
		return provider.Throttled
	case status == http.StatusServiceUnavailable && !write:
		return provider.Transient
	case status >= 500 && write:
		return provider.Unknown // a gateway gave up, or the server broke: what it had done by then is not said
	case status >= 500:
		return provider.Transient
	case status >= 300:
		return provider.Invalid
	default:
		return provider.Internal
	}
}

// fromVendor makes one *provider.Error of all errors that one request or row was answered with.
func fromVendor(op string, list []vendorError, status int, write bool, id string) *provider.Error {
	e := &provider.Error{Op: op, RequestID: id}
	if status != 0 {
		e.Err = httpStatus(status)
	}
	if len(list) == 0 {
		e.Kind = kindOfStatus(status, write)
		return e
	}
	// A row with one error that will not go away is not worth repeating for another that might.
	worst := list[0]
	for _, v := range list {
		if kindOf(worst, status, write).Retriable() && !kindOf(v, status, write).Retriable() {
			worst = v
		}
	}
	e.Kind, e.Code = kindOf(worst, status, write), worst.code()
	messages := make([]string, 0, len(list))
	for _, v := range list {
		m := v.Message
		if v.code() != e.Code {
			m = v.code() + ": " + m
		}
		messages = append(messages, m)
		e.Fields = append(e.Fields, v.Fields...)
	}
	e.Message = strings.Join(messages, "; ")
	return e
}

// parseErrors reads the body of a refused request: an array of errors, or one alone, or text that a proxy wrote.
func parseErrors(body []byte) []vendorError {
	var list []vendorError
	if json.Unmarshal(body, &list) == nil {
		return list
	}
	var one vendorError
	if json.Unmarshal(body, &one) == nil && (one.code() != "" || one.Message != "") {
		return []vendorError{one}
	}
	return nil
}

func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Sfdc-Request-Id", "Sforce-Request-Id"} {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

func invalid(op, message string, fields ...string) *provider.Error {
	return &provider.Error{Kind: provider.Invalid, Op: op, Message: message, Fields: fields}
}
