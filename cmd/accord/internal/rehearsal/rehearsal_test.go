package rehearsal

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/cmd/accord/internal/storm"
)

// TestRehearsal has storms blow in virtual time. SEED runs one, SEEDS so many; STORM says how long each blows.
func TestRehearsal(t *testing.T) {
	first, count, blows := uint64(1), 5, 2*time.Minute
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
		count = 1
	}
	if text := os.Getenv("STORM"); text != "" {
		var err error
		if blows, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+uint64(count); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { rehearse(t, seed, blows) })
	}
}

func rehearse(t *testing.T, seed uint64, blows time.Duration) {
	dir, began := t.TempDir(), time.Now()
	synctest.Test(t, func(t *testing.T) {
		virtual := time.Now()
		var actions strings.Builder
		b := &bubble{dir: dir, seed: int64(seed), n: newNetwork(), events: hclog.NewNullLogger()}
		report, err := storm.Run(t.Context(), storm.Config{Stage: b, Dir: dir, Seed: seed, For: blows, Slower: 12, Out: &actions})
		if err != nil {
			t.Fatalf("%v\n%s", err, actions.String())
		}
		for _, v := range report.Violations {
			t.Error(v)
		}
		t.Logf("seed %d: %s of virtual time\n%s", seed, time.Since(virtual).Round(time.Second), report)
		if t.Failed() {
			t.Logf("make simulate-emulated SEED=%d draws it again\n%s", seed, actions.String())
		}
	})
	t.Logf("%s of the clock", time.Since(began).Round(time.Millisecond))
}
