package monday

import (
	"testing"

	"accord/engine/resource"
)

// A rating holds as many stars as its settings say, five where they say nothing.
func TestStarsOfARating(t *testing.T) {
	for settings, want := range map[string]int{`{}`: 5, `{"limit":10}`: 10, `{"limit":"3"}`: 3, `{"limit":0}`: 5, `{"limit":null}`: 5} {
		r, err := describeColumn(resource.Resource{}, &columnRow{ID: "stars", Type: "rating", Settings: []byte(settings)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := bindColumn("stars", r)
		if err != nil || c.shape.Most != want {
			t.Errorf("%s: %d stars, %v; want %d", settings, c.shape.Most, err, want)
		}
	}
}
