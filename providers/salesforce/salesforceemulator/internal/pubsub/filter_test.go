package pubsub

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFilterExpressions(t *testing.T) {
	values := map[string]any{
		"Industry": "Energy", "AnnualRevenue": number("40000.5"), "IsPrivate": false, "CloseDate": "2026-11-02", "Phone": nil,
		"At": "2026-11-02T09:00:00.000+0000", "ChangeEventHeader.changeOrigin": "com/salesforce/api/rest/68.0;client=accord/1.2",
		"ChangeEventHeader.sequenceNumber": 3, "Name": `50%_a\b it's`,
	}
	tests := []struct {
		expression string
		want       bool
	}{
		{"Industry = 'energy'", true},
		{"Industry='Energy'AND AnnualRevenue>40000", true},
		{"Industry != 'Energy'", false},
		{"Industry <> 'Energy'", false},
		{"AnnualRevenue < 40000.5", false},
		{"AnnualRevenue <= 40000.5", true},
		{"AnnualRevenue >= -1", true},
		{"AnnualRevenue = 4.00005e4", true},
		{"IsPrivate = false", true},
		{"IsPrivate = TRUE", false},
		{"IsPrivate != true", true},
		{"CloseDate > 2026-11-01", true},
		{"CloseDate < 2026-11-02", false},
		{"At >= 2026-11-02T10:00:00+01:00", true},
		{"Phone = null", true},
		{"Phone != null", false},
		{"Industry != null", true},
		{"Phone != 'x'", true},
		{"Phone > 'x'", false},
		{"Missing = 'x' OR Industry LIKE 'Ene%'", true},
		{"NOT Industry LIKE '%X%'", true},
		{"not (Industry = 'Energy' and IsPrivate = true)", true},
		{"IsPrivate = true AND Industry = 'x' OR Industry = 'Energy'", true},
		{"IsPrivate = true AND (Industry = 'x' OR Industry = 'Energy')", false},
		{"NOT ChangeEventHeader.changeOrigin LIKE '%client=accord%'", false},
		{"ChangeEventHeader.sequenceNumber > 2", true},
		{`Name LIKE '50\%\_a\\b it\'s'`, true},
		{`Name LIKE '50_\_a%'`, true},
		{`Name LIKE '50\_%'`, false},
		{"Industry LIKE '______'", true},
		{"Industry LIKE '_____'", false},
		{"Industry > 5", false},
		{"Industry != 5", true},
	}
	for _, test := range tests {
		f, err := ParseFilter(test.expression)
		if err != nil {
			t.Errorf("%s: %v", test.expression, err)
			continue
		}
		if got := f.matches(func(name string) any { return values[name] }); got != test.want {
			t.Errorf("%s is %v", test.expression, got)
		}
	}
}

func TestFilterExpressionsThatAreRefused(t *testing.T) {
	for _, expression := range []string{
		"", " ", "Industry", "Industry =", "Industry = 'x", "= 'x'", "Industry IN ('a','b')", "CloseDate = TODAY", "CloseDate > LAST_N_DAYS:3",
		"Industry = 'x' AND", "(Industry = 'x'", "Industry = 'x')", "Industry == 'x'", "Industry LIKE 5", "Industry = Name", "'x' = Industry",
		"ChangeEventHeader.recordIds = 'x'", "ChangeEventHeader.changedFields != null", "Industry = 'x' OR OR Name = 'y'", "Industry ~ 'x'",
		strings.Repeat("(", 5000) + "Industry = 'x'" + strings.Repeat(")", 5000), strings.Repeat("NOT ", 5000) + "Industry = 'x'",
		strings.Repeat("x", maxFilter+1),
		"a=1 or b=1 or c=1 or d=1 or e=1 or f=1 or g=1 or h=1 or i=1 or j=1 or k=1",
	} {
		if _, err := ParseFilter(expression); err == nil {
			t.Errorf("%.60q was accepted", expression)
		}
	}
	f, err := ParseFilter("a=1 or b=1 or a=2 or c=1 or d=1 or e=1 or f=1 or g=1 or h=1 or i=1 or j=1")
	if err != nil || len(f.Fields()) != 10 {
		t.Errorf("ten fields: %v", err)
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("Industry = 'x' AND NOT (Amount >= 5 OR Name LIKE 'a%\\_')", "value")
	f.Add("A=2026-01-01T00:00:00Z or B=null", "\x00\U0001F600")
	f.Fuzz(func(t *testing.T, expression, value string) {
		filter, err := ParseFilter(expression)
		if err != nil {
			return
		}
		if len(filter.Fields()) == 0 {
			t.Fatalf("%q compares nothing", expression)
		}
		filter.matches(func(string) any { return value })
	})
}

func TestLikeAgreesWithARecursiveDefinition(t *testing.T) {
	var slow func(text, pattern string) bool
	slow = func(text, pattern string) bool {
		switch {
		case pattern == "":
			return text == ""
		case pattern[0] == '%':
			return slow(text, pattern[1:]) || text != "" && slow(text[1:], pattern)
		case text == "":
			return false
		default:
			return (pattern[0] == '_' || pattern[0] == text[0]) && slow(text[1:], pattern[1:])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 8, -1).Draw(t, "text")
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab%_")), 0, 8, -1).Draw(t, "pattern")
		if like(text, pattern) != slow(text, pattern) {
			t.Fatalf("like(%q, %q) = %v", text, pattern, like(text, pattern))
		}
	})
}
