package account

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator/internal/gql"
)

const day = "2006-01-02"

func validDay(s string) bool {
	_, err := time.Parse(day, s)
	return err == nil
}

// clockTime reads HH:MM or HH:MM:SS.
func clockTime(s string) (string, bool) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format("15:04:05"), true
		}
	}
	return "", false
}

func (w *write) date(d, t, icon string, value any) (any, error) {
	if d == "" && t == "" {
		return nil, nil
	}
	if !validDay(d) {
		return nil, badValue(w.col, value, "date must be YYYY-MM-DD")
	}
	if t != "" {
		c, ok := clockTime(t)
		if !ok {
			return nil, badValue(w.col, value, "time must be HH:MM:SS")
		}
		t = c
	}
	return Date{Date: d, Time: t, Icon: icon}, nil
}

// Moment is the instant of a date with a time; false without a time.
func (d Date) Moment() (time.Time, bool) {
	t, err := time.Parse(day+" 15:04:05", d.Date+" "+d.Time)
	return t, err == nil
}

var dateKind = &kind{
	legacy: "date", class: "DateValue", timed: true, decode: decodeAs[Date],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with a date is expected")
		}
		for _, k := range []string{"date", "time", "icon"} {
			if _, isText := m[k].(string); m[k] != nil && !isText {
				return nil, badValue(w.col, v, k+" must be a text")
			}
		}
		return w.date(gql.Text(m["date"]), gql.Text(m["time"]), gql.Text(m["icon"]), v)
	},
	simple: func(w *write, s string) (any, error) {
		d, t, _ := strings.Cut(strings.TrimSpace(s), " ")
		return w.date(d, t, "", s)
	},
	// A date with a time is shown in the reader's zone; without one it has no zone.
	text: func(_ *Account, r Ref, zone *time.Location) any {
		d, ok := r.Value().(Date)
		if !ok {
			return ""
		}
		if at, timed := d.Moment(); timed {
			return at.In(zone).Format("2006-01-02 15:04")
		}
		return d.Date
	},
	raw: rawOf(func(d Date) any {
		m := map[string]any{"date": d.Date, "time": nil, "icon": nil}
		if d.Time != "" {
			m["time"] = d.Time
		}
		if d.Icon != "" {
			m["icon"] = d.Icon
		}
		return m
	}),
}

func (w *write) span(from, to string, value any) (any, error) {
	if from == "" && to == "" {
		return nil, nil
	}
	if !validDay(from) || !validDay(to) {
		return nil, badValue(w.col, value, "both ends must be YYYY-MM-DD")
	}
	if from > to {
		return nil, badValue(w.col, value, "the end is before the start")
	}
	return Span{From: from, To: to}, nil
}

var timelineKind = &kind{
	legacy: "timerange", class: "TimelineValue", timed: true, decode: decodeAs[Span],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with from and to is expected")
		}
		return w.span(gql.Text(m["from"]), gql.Text(m["to"]), v)
	},
	text: shown("", func(s Span) string { return s.From + " - " + s.To }),
	raw:  rawOf(func(s Span) any { return map[string]any{"from": s.From, "to": s.To} }),
}

var weekKind = &kind{
	legacy: "week", class: "WeekValue", timed: true, decode: decodeAs[Span],
	parse: func(w *write, v any) (any, error) {
		m, _ := v.(map[string]any)
		inner, ok := m["week"].(map[string]any)
		if !ok {
			if s, isText := m["week"].(string); isText && s == "" {
				return nil, nil
			}
			return nil, badValue(w.col, v, "an object with a week is expected")
		}
		out, err := w.span(gql.Text(inner["startDate"]), gql.Text(inner["endDate"]), v)
		if s, isSpan := out.(Span); err == nil && isSpan {
			from, _ := time.Parse(day, s.From)
			to, _ := time.Parse(day, s.To)
			if to.Sub(from) != 6*24*time.Hour {
				return nil, badValue(w.col, v, "a week has seven days")
			}
		}
		return out, err
	},
	text: shown("", func(s Span) string { return s.From + " - " + s.To }),
	raw: rawOf(func(s Span) any {
		return map[string]any{"week": map[string]any{"startDate": s.From, "endDate": s.To}}
	}),
}

var hourKind = &kind{
	legacy: "hour", class: "HourValue", timed: true, decode: decodeAs[Hour],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		h, err := strconv.Atoi(gql.Text(m["hour"]))
		minute := 0
		if m["minute"] != nil && err == nil {
			minute, err = strconv.Atoi(gql.Text(m["minute"]))
		}
		if !ok || err != nil || h < 0 || h > 23 || minute < 0 || minute > 59 {
			return nil, badValue(w.col, v, "an hour of 0 to 23 and a minute of 0 to 59 are expected")
		}
		return Hour{h, minute}, nil
	},
	text: shown("", func(h Hour) string {
		return time.Date(2000, 1, 1, h.Hour, h.Minute, 0, 0, time.UTC).Format("03:04 PM")
	}),
	raw: rawOf(func(h Hour) any { return map[string]any{"hour": h.Hour, "minute": h.Minute} }),
}

// parseLocation reads "lat lng address".
func parseLocation(w *write, s string) (any, error) {
	parts := strings.SplitN(strings.TrimSpace(s), " ", 3)
	if len(parts) < 2 {
		return nil, badValue(w.col, s, "latitude, longitude and address are expected")
	}
	address := ""
	if len(parts) == 3 {
		address = parts[2]
	}
	return w.location(parts[0], parts[1], address, s)
}

func (w *write) location(lat, lng, address string, value any) (any, error) {
	x, err1 := strconv.ParseFloat(lat, 64)
	y, err2 := strconv.ParseFloat(lng, 64)
	if err1 != nil || err2 != nil || !(x >= -90 && x <= 90) || !(y >= -180 && y <= 180) {
		return nil, badValue(w.col, value, "latitude and longitude must be numbers of degrees")
	}
	return Location{x, y, address}, nil
}

var locationKind = &kind{
	legacy: "location", class: "LocationValue", timed: true, decode: decodeAs[Location], simple: parseLocation,
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with lat, lng and address is expected")
		}
		return w.location(gql.Text(m["lat"]), gql.Text(m["lng"]), gql.Text(m["address"]), v)
	},
	text: shown("", func(l Location) string { return l.Address }),
	raw: rawOf(func(l Location) any {
		return map[string]any{"lat": fmt.Sprint(l.Lat), "lng": fmt.Sprint(l.Lng), "address": l.Address}
	}),
}
