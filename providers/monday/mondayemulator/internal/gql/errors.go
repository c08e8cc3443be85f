package gql

import (
	"errors"
	"fmt"
)

// Error is an error a resolver can return with everything a response says about it.
type Error struct {
	Message string
	Code    string         // extensions.code
	Status  int            // extensions.status_code; 0 leaves it out
	Data    any            // extensions.error_data; nil leaves it out
	Extra   map[string]any // further extensions
	HTTP    int            // not 0: the request ends here with this HTTP status and no data
	Header  map[string]string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Location is a place in the document, both counted from 1.
type Location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// ResponseError is one entry of a response's errors.
type ResponseError struct {
	Message    string         `json:"message"`
	Locations  []Location     `json:"locations,omitempty"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// Response turns err into an entry of errors[] at path and location.
func Response(err error, path []any, loc *Location) ResponseError {
	out := ResponseError{Path: path}
	if loc != nil {
		out.Locations = []Location{*loc}
	}
	var e *Error
	if !errors.As(err, &e) {
		out.Message = "Internal server error"
		out.Extensions = map[string]any{"code": "INTERNAL_SERVER_ERROR", "status_code": 500}
		return out
	}
	out.Message = e.Message
	ext := map[string]any{}
	for k, v := range e.Extra {
		ext[k] = v
	}
	if e.Code != "" {
		ext["code"] = e.Code
	}
	if e.Status != 0 {
		ext["status_code"] = e.Status
	}
	if e.Data != nil {
		ext["error_data"] = e.Data
	}
	if len(ext) > 0 {
		out.Extensions = ext
	}
	return out
}
