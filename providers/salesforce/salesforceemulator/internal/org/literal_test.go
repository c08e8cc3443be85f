package org

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// The periods are those of the table in the SOQL reference, seen from Wednesday 2026-11-25 in Los Angeles.
func TestDateLiterals(t *testing.T) {
	loc, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Skip("no time zone data")
	}
	now := time.Date(2026, 11, 25, 23, 30, 0, 0, loc)
	for _, tt := range []struct {
		name     string
		n        int
		from, to string
	}{
		{"YESTERDAY", 0, "2026-11-24", "2026-11-25"},
		{"TODAY", 0, "2026-11-25", "2026-11-26"},
		{"TOMORROW", 0, "2026-11-26", "2026-11-27"},
		{"LAST_WEEK", 0, "2026-11-15", "2026-11-22"},
		{"THIS_WEEK", 0, "2026-11-22", "2026-11-29"},
		{"NEXT_WEEK", 0, "2026-11-29", "2026-12-06"},
		{"LAST_MONTH", 0, "2026-10-01", "2026-11-01"},
		{"THIS_MONTH", 0, "2026-11-01", "2026-12-01"},
		{"NEXT_MONTH", 0, "2026-12-01", "2027-01-01"},
		{"LAST_N_DAYS", 3, "2026-11-22", "2026-11-26"},
		{"NEXT_N_DAYS", 3, "2026-11-26", "2026-11-29"},
		{"N_DAYS_AGO", 3, "2026-11-22", "2026-11-23"},
		{"LAST_N_MONTHS", 2, "2026-09-01", "2026-11-01"},
		{"NEXT_N_MONTHS", 2, "2026-12-01", "2027-02-01"},
		{"THIS_QUARTER", 0, "2026-10-01", "2027-01-01"},
		{"LAST_QUARTER", 0, "2026-07-01", "2026-10-01"},
		{"NEXT_N_QUARTERS", 2, "2027-01-01", "2027-07-01"},
		{"THIS_YEAR", 0, "2026-01-01", "2027-01-01"},
		{"LAST_N_YEARS", 2, "2024-01-01", "2026-01-01"},
		{"N_YEARS_AGO", 2, "2024-01-01", "2025-01-01"},
	} {
		from, to := dateLiteral(soql.Literal{Kind: soql.DateLiteral, Text: tt.name, N: tt.n}, now)
		if from.Format(time.DateOnly) != tt.from || to.Format(time.DateOnly) != tt.to {
			t.Errorf("%s:%d = %s to %s; want %s to %s", tt.name, tt.n, from.Format(time.DateOnly), to.Format(time.DateOnly), tt.from, tt.to)
		}
	}
}

// LIKE means what the regular expression with .* for % and . for _ means.
func TestLikeAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"%", "_", "a", "B", "é", `\%`, `\_`, "."}), 0, 8).Draw(t, "pattern")
		var re strings.Builder
		re.WriteString(`(?is)^`)
		for _, p := range pieces {
			switch p {
			case "%":
				re.WriteString(".*")
			case "_":
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(strings.TrimPrefix(p, `\`)))
			}
		}
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "É", "%", "_", ".", "\n"}), 0, 10).Draw(t, "text"), "")
		want := regexp.MustCompile(re.String() + "$").MatchString(text)
		if got := likeMatcher(strings.Join(pieces, ""))(text); got != want {
			t.Fatalf("%q LIKE %q = %v; want %v", text, strings.Join(pieces, ""), got, want)
		}
	})
}

func TestCoerceNumbers(t *testing.T) {
	o, _ := testOrg(t)
	for _, tt := range []struct {
		field string
		in    any
		want  string
	}{
		{"AnnualRevenue", "1e3", "1000"}, {"AnnualRevenue", 0.5, "1"}, {"AnnualRevenue", -0.4, "0"}, {"NumberOfEmployees", "5.0", "5"},
		{"NumberOfEmployees", "5.5", "JSON_PARSER_ERROR"}, {"NumberOfEmployees", "1e9", "NUMBER_OUTSIDE_VALID_RANGE"}, {"AnnualRevenue", "0x10", "JSON_PARSER_ERROR"},
		{"AnnualRevenue", "Infinity", "JSON_PARSER_ERROR"}, {"AnnualRevenue", "1e-999999999", "0"}, {"AnnualRevenue", "9999999999999999999", "NUMBER_OUTSIDE_VALID_RANGE"},
		{"BillingLatitude", "12.3456789012345678", "12.345678901234568"},
	} {
		v, err := coerceNumber(o.table("Account").def.Field(tt.field), tt.in)
		got := ""
		if err != nil {
			got = err.Code
		} else {
			got = formulaText(v)
		}
		if got != tt.want {
			t.Errorf("%s = %v: %s; want %s", tt.field, tt.in, got, tt.want)
		}
	}
}

func formulaText(v any) string { return toFormula(v).text() }
