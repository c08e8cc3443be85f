package lens

import (
	"testing"
	"time"

	"accord/engine/contract"
	"accord/engine/record"
)

// Every day of twelve years comes home from a moment, in zones whose clocks change at midnight, by half an hour, or by a
// whole day.
func TestDaysSurviveZones(t *testing.T) {
	const lost = "2011-12-30" // Samoa went from the 29th to the 31st
	days := 0
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut", "America/Asuncion", "Africa/Cairo"} {
		l, ps := New(field(contract.Field{Timezone: zone(name), Owner: contract.OwnerEither}, 1, 1), shapes(one(moment), date))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		for at := time.Date(2008, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2020; at = at.AddDate(0, 0, 1) {
			day := d(at.Format(time.DateOnly))
			canonical, err := l.Get(record.Right, vs(day), world{})
			if err != nil {
				t.Fatalf("%s in %s: %v", day, name, err)
			}
			held, err := l.Put(record.Left, canonical, nil, world{})
			if err != nil {
				t.Fatalf("%s in %s: %v", day, name, err)
			}
			read, err := l.Get(record.Left, held, world{})
			if err != nil {
				t.Fatal(err)
			}
			back, err := l.Put(record.Right, read, vs(day), world{})
			if err != nil || !back[0].Equal(day) {
				t.Fatalf("%s in %s is %s, which comes back as %v, %v", day, name, held[0], back, err)
			}
			moment, _ := held[0].Time()
			if got := moment.In(zone(name)).Format(time.DateOnly); got != day.String() && !(name == "Pacific/Apia" && day.String() == lost) {
				t.Fatalf("%s in %s is %s, which is %s there", day, name, held[0], got)
			}
			days++
		}
	}
	t.Logf("%d days", days)
}
