package pipeline

import (
	"errors"
	"testing"

	"accord/engine/provider"
)

// A value refused before it was sent leaves its reason in the dead letter, as one that the vendor refused does.
func TestDeadLettersSayWhy(t *testing.T) {
	for _, c := range []struct {
		e    provider.Error
		want string
	}{
		{provider.Error{Message: "bad value", Err: errors.New("status 400")}, "bad value"},
		{provider.Error{Err: errors.New("stars takes whole numbers")}, "stars takes whole numbers"},
		{provider.Error{}, ""},
	} {
		if got := said(&c.e); got != c.want {
			t.Errorf("%+v: %q; want %q", c.e, got, c.want)
		}
	}
}
