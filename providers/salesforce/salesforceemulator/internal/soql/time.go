package soql

import "time"

// DateTimeLayout is how datetimes look in answers, and how the store keeps them: UTC, milliseconds, offset without a colon.
const DateTimeLayout = "2006-01-02T15:04:05.000-0700"

// ParseDate checks a date in the valid range of the vendor, 1700-01-01 to 4000-12-31.
func ParseDate(s string) (string, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1700 || t.Year() > 4000 {
		return "", false
	}
	return s, true
}

// ParseDateTime reads a datetime with a zone and gives it in DateTimeLayout, in UTC.
func ParseDateTime(s string) (string, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			if t.Year() < 1700 || t.Year() > 4000 {
				return "", false
			}
			return t.Format(DateTimeLayout), true
		}
	}
	return "", false
}
