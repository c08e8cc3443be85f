package provider_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"accord/engine/provider"
)

// What is noted of a failed call says what kind of failure it was, and nothing of what was in the records.
func TestBareErrors(t *testing.T) {
	const value = "4711 Main Street"
	full := &provider.Error{Kind: provider.Throttled, Op: "update records", Code: "BUSY", Message: "no room for " + value, RequestID: "r1",
		Fields: []string{"Street__c"}, RetryAfter: time.Second, Err: errors.New(value)}
	tests := []struct {
		err  error
		want string
	}{
		{nil, "<nil>"},
		{full, "update records: BUSY: throttled (fields Street__c) [request r1]"},
		{fmt.Errorf("%s: %w", value, full), "update records: BUSY: throttled (fields Street__c) [request r1]"},
		{fmt.Errorf("%s: %w", value, context.DeadlineExceeded), context.DeadlineExceeded.Error()},
		{fmt.Errorf("%s: %w", value, context.Canceled), context.Canceled.Error()},
		{errors.New(value), "no whole answer came"},
	}
	for _, test := range tests {
		bare := provider.Bare(test.err)
		if got := fmt.Sprint(bare); got != test.want || strings.Contains(fmt.Sprintf("%+v", bare), value) {
			t.Errorf("Bare(%v) = %v, want %s", test.err, got, test.want)
		}
	}
	if e := provider.Bare(full); provider.KindOf(e) != provider.Throttled || errors.Unwrap(e) != nil {
		t.Errorf("Bare(%v) = %#v", full, e)
	}
}
