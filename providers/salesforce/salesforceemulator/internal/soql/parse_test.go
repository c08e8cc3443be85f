package soql

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAccepts(t *testing.T) {
	for _, q := range []string{
		"SELECT Id FROM Account",
		"select Id, Name, Owner.Profile.Name from Account a where a.Name like 'Ac%' and (Industry in ('A', 'B') or Rating = null) order by Name desc nulls last, Id limit 5 offset 10",
		"SELECT COUNT() FROM Contact WHERE IsDeleted = false",
		"SELECT Id, (SELECT Id, Name FROM Contacts WHERE Email != null ORDER BY Name LIMIT 3) FROM Account",
		"SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 3 ORDER BY COUNT(Id) DESC",
		"SELECT FIELDS(ALL) FROM Account LIMIT 200",
		"SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)",
		"SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:30 AND SystemModstamp > 2024-01-02T03:04:05Z AND LastModifiedDate <= 2024-01-02T03:04:05.123+02:00",
		"SELECT Id FROM Opportunity WHERE CloseDate >= 2024-02-29 AND Amount > -1.5e3 AND NOT (Name = 'it\\'s' OR Name LIKE '50\\%')",
		"SELECT Id FROM X__c WHERE Tags__c INCLUDES ('a;b', 'c') AND Tags__c EXCLUDES ('d')",
		"SELECT TYPEOF What WHEN Account THEN Name, Industry WHEN Opportunity THEN Amount ELSE Name END FROM Task",
		"SELECT CALENDAR_YEAR(CloseDate), MAX(Amount) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)",
	} {
		if _, err := Parse(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", "A query string has to be specified"},
		{"SELECT", "unexpected token: '<EOF>'"},
		{"SELECT Id FORM Account", "unexpected token"},
		{"SELECT Id FROM Account WHERE Name = 'x", "unterminated"},
		{"SELECT Id FROM Account WHERE A = 1 AND B = 2 OR C = 3", "ERROR at Row:1:Column:46\nunexpected token: 'OR'"},
		{"SELECT Id FROM Account WHERE Name == 'a'", "unexpected token"},
		{"SELECT Id FROM Account LIMIT -1", "unexpected token"},
		{"SELECT Id FROM Account; DROP", "unexpected token: ';'"},
		{"SELECT Id FROM Account WHERE D = 2024-13-01", "Invalid date"},
		{"SELECT Id FROM Account WHERE (((", "unexpected token"},
		{"SELECT Id FROM A WHERE " + strings.Repeat("(", 5000), "nests too deeply"},
	} {
		_, err := Parse(tt.query)
		var e *Error
		if !errors.As(err, &e) || e.Code != "MALFORMED_QUERY" || !strings.Contains(e.Message, tt.want) {
			t.Errorf("%.60s: got %v; want MALFORMED_QUERY with %q", tt.query, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT Id FROM Account WHERE a.B = 'x\\'y' AND C IN (1,2.5e3) ORDER BY D NULLS LAST LIMIT 1 OFFSET 2",
		"SELECT (SELECT a FROM b) FROM c WHERE d > LAST_N_DAYS:3", "SELECT 2024-01-01T", "'\xff\x00", "SELECT é FROM 😀", "SELECT -", "SELECT a(b,'c'", "SELECT 1234-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code == "" || e.Message == "" {
				t.Fatalf("an error without code or message: %#v", err)
			}
			return
		}
		if len(q.Select) == 0 || q.From == "" {
			t.Fatalf("accepted without fields or object: %q", text)
		}
	})
}
