package org

import (
	"fmt"
	"net/http"
)

// Error is an error the vendor's API would answer: its code, message and the fields it is about.
type Error struct {
	Code, Message string
	Fields        []string
	// Status is the HTTP status where it is the whole answer; zero is 400.
	Status int
	// Duplicates is set for DUPLICATES_DETECTED.
	Duplicates *Duplicates
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// HTTPStatus is the status of an answer made of this error alone.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Errorf makes an error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func fieldError(code, field, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Fields: []string{field}}
}

// NotFound is the answer for a resource that does not exist.
func NotFound() *Error {
	return &Error{Code: "NOT_FOUND", Message: "The requested resource does not exist", Status: http.StatusNotFound}
}

func deletedError() *Error {
	return &Error{Code: "ENTITY_IS_DELETED", Message: "entity is deleted", Status: http.StatusNotFound}
}
