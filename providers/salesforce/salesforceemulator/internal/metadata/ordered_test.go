package metadata

import (
	"encoding/json"
	"testing"
)

// Whatever object is read is written again with its members where they were.
func FuzzOrdered(f *testing.F) {
	for _, text := range []string{`{}`, `{"b":1,"a":[true,null,{"z":0.10,"y":"<&>"}],"a":1e400}`, `{"x":{"q":[[],{}]}}`, `[1]`, `{"x":`, `{"x":1}}`, `nil`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second Ordered
		if json.Unmarshal(text, &first) != nil {
			return
		}
		once, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(once, &second); err != nil {
			t.Fatalf("%s was written as %s, which cannot be read: %v", text, once, err)
		}
		twice, err := json.Marshal(second)
		if err != nil || string(once) != string(twice) {
			t.Errorf("%s, then %s (%v)", once, twice, err)
		}
	})
}
