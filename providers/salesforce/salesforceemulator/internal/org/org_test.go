package org

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// testOrg makes an org whose clock stands still until it is moved.
func testOrg(t *testing.T) (*Org, *time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	o, err := New(Options{Clock: func() time.Time { return now }, Seed: 1, Username: "integration@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	return o, &now
}

func (o *Org) as() Caller { return Caller{UserID: o.userID, Origin: "com/salesforce/api/rest/68.0"} }

type recorder struct{ changes []changefeed.Change }

func (r *recorder) Commit(c []changefeed.Change)       { r.changes = append(r.changes, c...) }
func (r *recorder) Publish([]changefeed.PlatformEvent) {}

func insert(t *testing.T, o *Org, object string, f Fields) string {
	t.Helper()
	tx := o.Begin(o.as())
	defer tx.Rollback()
	id, err := tx.Insert(object, f)
	if err != nil {
		t.Fatalf("insert %s: %v", object, err)
	}
	tx.Commit()
	return id
}

func query(t *testing.T, o *Org, soql string) string {
	t.Helper()
	tx := o.View(o.as())
	defer tx.Commit()
	res, err := tx.Query(soql, "/services/data/v68.0", QueryOptions{})
	if err != nil {
		return err.Code + " " + err.Message
	}
	var rows []string
	for _, r := range res.Page(tx, 0, res.Len()) {
		raw, jerr := json.Marshal(r[1:])
		if jerr != nil {
			t.Fatal(jerr)
		}
		rows = append(rows, string(raw))
	}
	return fmt.Sprintf("%d %s", res.Size, strings.Join(rows, " "))
}

func TestStageCascadeAndFeed(t *testing.T) {
	o, now := testOrg(t)
	rec := &recorder{}
	o.SetSink(rec)
	id := insert(t, o, "Opportunity", Fields{"Name": " Deal ", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": json.Number("100.005")})
	*now = now.Add(time.Hour)
	tx := o.Begin(o.as())
	if err := tx.Update("Opportunity", id[:15], Fields{"StageName": "Closed Won", "NextStep": ""}); err != nil {
		t.Fatal(err)
	}
	tx.Commit()
	if len(rec.changes) != 2 {
		t.Fatalf("%d changes", len(rec.changes))
	}
	c := rec.changes[1]
	if c.Type != changefeed.Update || c.After["Probability"] != json.Number("100") || c.After["IsWon"] != true || c.After["ForecastCategory"] != "Closed" {
		t.Errorf("change = %+v", c)
	}
	got := strings.Join(c.Changed, " ")
	for _, want := range []string{"StageName", "Probability", "ExpectedRevenue", "IsClosed", "IsWon", "ForecastCategory", "LastModifiedDate", "SystemModstamp"} {
		if !strings.Contains(got, want) {
			t.Errorf("changed fields %s lack %s", got, want)
		}
	}
	if v := rec.changes[0].After; v["Name"] != "Deal" || v["Amount"] != json.Number("100.01") {
		t.Errorf("stored %v", v)
	}
}

func TestSaveErrors(t *testing.T) {
	o, _ := testOrg(t)
	acc := insert(t, o, "Account", Fields{"Name": "Acme"})
	for _, tt := range []struct {
		object string
		fields Fields
		want   string
	}{
		{"Account", Fields{}, "REQUIRED_FIELD_MISSING: Required fields are missing: [Name]"},
		{"Account", Fields{"Name": "x", "Foo": 1}, "INVALID_FIELD: No such column 'Foo' on sobject of type Account"},
		{"Account", Fields{"Name": strings.Repeat("é", 256)}, "(max length=255)"},
		{"Account", Fields{"Name": "x", "CreatedDate": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		{"Account", Fields{"Name": "x", "CleanStatus": "Nope"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
		{"Account", Fields{"Name": "x", "AnnualRevenue": json.Number("1e400000000")}, "NUMBER_OUTSIDE_VALID_RANGE"},
		{"Account", Fields{"Name": "x", "AnnualRevenue": "abc"}, "JSON_PARSER_ERROR"},
		{"Account", Fields{"Name": "x", "ParentId": acc[:14] + "x"}, "INVALID_CROSS_REFERENCE_KEY"},
		{"Account", Fields{"Name": "x", "ParentId": o.userID}, "FIELD_INTEGRITY_EXCEPTION"},
		{"Account", Fields{"Name": "x", "ParentId": "nope"}, "MALFORMED_ID"},
		{"Contact", Fields{"LastName": "x", "Email": "badone"}, "INVALID_EMAIL_ADDRESS: Email: invalid email address: badone"},
		{"Contact", Fields{"LastName": "x", "HasOptedOutOfEmail": nil}, "INVALID_TYPE_ON_FIELD_IN_RECORD"},
		{"Opportunity", Fields{"Name": "x", "StageName": "Prospecting", "CloseDate": "31.12.2026"}, "JSON_PARSER_ERROR"},
		{"Nope", Fields{}, "NOT_FOUND"},
	} {
		tx := o.Begin(o.as())
		_, err := tx.Insert(tt.object, tt.fields)
		tx.Rollback()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %v: %v; want %s", tt.object, tt.fields, err, tt.want)
		}
	}
	if got := query(t, o, "SELECT COUNT() FROM Account"); got != "1 " {
		t.Errorf("refused saves left %s accounts", got)
	}
}

func TestQueries(t *testing.T) {
	o, now := testOrg(t)
	a := insert(t, o, "Account", Fields{"Name": "Acme", "Industry": "Energy", "AnnualRevenue": json.Number("10"), "BillingCity": "Berlin"})
	*now = now.Add(time.Minute)
	b := insert(t, o, "Account", Fields{"Name": "beta", "ParentId": a})
	*now = now.Add(time.Minute)
	for i := range 3 {
		insert(t, o, "Opportunity", Fields{"Name": fmt.Sprintf("Deal %d", i), "AccountId": a, "StageName": []string{"Prospecting", "Closed Won"}[i%2], "CloseDate": fmt.Sprintf("2026-12-%02d", i+1), "Amount": json.Number(fmt.Sprint(i * 100))})
	}
	for _, tt := range []struct{ q, want string }{
		{"SELECT Name FROM Account WHERE Name = 'ACME'", `1 {"Name":"Acme"}`},
		{"SELECT Name, AnnualRevenue, BillingAddress FROM Account WHERE Id = '" + a[:15] + "'", `1 {"Name":"Acme","AnnualRevenue":10.0,"BillingAddress":{"city":"Berlin","country":null,"geocodeAccuracy":null,"latitude":null,"longitude":null,"postalCode":null,"state":null,"street":null}}`},
		{"SELECT Name FROM Account WHERE Industry != 'Energy'", `1 {"Name":"beta"}`},
		{"SELECT Name FROM Account WHERE Name LIKE '%ET_' OR Name = 'x'", `1 {"Name":"beta"}`},
		{"SELECT Name, Parent.Name FROM Account WHERE Parent.Name = 'Acme'", `1 {"Name":"beta","Parent":{"attributes":{"type":"Account","url":"/services/data/v68.0/sobjects/Account/` + a + `"},"Name":"Acme"}}`},
		{"SELECT Name FROM Account ORDER BY SystemModstamp, Id LIMIT 1", `1 {"Name":"Acme"}`},
		{"SELECT Name FROM Account WHERE SystemModstamp > 2026-11-23T12:00:00Z ORDER BY SystemModstamp, Id", `1 {"Name":"beta"}`},
		{"SELECT Name FROM Account ORDER BY AnnualRevenue DESC NULLS LAST", `2 {"Name":"Acme"} {"Name":"beta"}`},
		{"SELECT Name, (SELECT Name FROM Opportunities WHERE Amount > 0 ORDER BY Amount DESC LIMIT 1) FROM Account WHERE Id IN ('" + a + "','" + b + "')",
			`2 {"Name":"Acme","Opportunities":{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Opportunity","url":"`},
		{"SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName ORDER BY COUNT(Id) DESC", `2 {"StageName":"Prospecting","n":2,"expr0":200.0} {"StageName":"Closed Won","n":1,"expr0":100.0}`},
		{"SELECT StageName FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1", `1 {"StageName":"Prospecting"}`},
		{"SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", `1 {"Name":"Acme"}`},
		{"SELECT Name FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity)", `1 {"Name":"beta"}`},
		{"SELECT COUNT() FROM Opportunity WHERE CreatedDate = TODAY AND CloseDate = NEXT_N_DAYS:30", `3 `},
		{"SELECT Owner.Name FROM Account LIMIT 1", `1 {"Owner":{"attributes":{"type":"User"`},
		{"SELECT CALENDAR_MONTH(CloseDate), COUNT(Id) FROM Opportunity GROUP BY CALENDAR_MONTH(CloseDate)", `1 {"expr0":12,"expr1":3}`},
		{"SELECT Foo FROM Account", "INVALID_FIELD \nSELECT Foo FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Account'."},
		{"SELECT Id FROM Foo", "INVALID_TYPE \nSELECT Id FROM Foo\n               ^\nERROR at Row:1:Column:16\nsObject type 'Foo' is not supported."},
		{"SELECT Id FROM Account WHERE AnnualRevenue = '5'", "must be of type currency and should not be enclosed in quotes"},
		{"SELECT Id FROM Account WHERE Description = 'x'", "can not be filtered"},
		{"SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"},
		{"SELECT Name, COUNT(Id) FROM Account", "Field must be grouped or aggregated"},
	} {
		got := query(t, o, tt.q)
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s\n got %s\nwant %s", tt.q, got, tt.want)
		}
	}
}

func TestRollbackRestoresEverything(t *testing.T) {
	o, now := testOrg(t)
	acc := insert(t, o, "Account", Fields{"Name": "Acme"})
	opp := insert(t, o, "Opportunity", Fields{"Name": "Deal", "AccountId": acc, "StageName": "Prospecting", "CloseDate": "2026-12-31"})
	before := query(t, o, "SELECT Id, Name, SystemModstamp FROM Opportunity ORDER BY SystemModstamp")
	*now = now.Add(time.Hour)
	tx := o.Begin(o.as())
	if _, err := tx.Insert("Account", Fields{"Name": "Other"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Update("Opportunity", opp, Fields{"Name": "Changed"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Delete("Account", acc); err != nil { // cascades
		t.Fatal(err)
	}
	tx.Rollback()
	if after := query(t, o, "SELECT Id, Name, SystemModstamp FROM Opportunity ORDER BY SystemModstamp"); after != before {
		t.Errorf("after rollback: %s\nbefore: %s", after, before)
	}
	if got := query(t, o, "SELECT Name FROM Account WHERE Name = 'Other' OR Id = '"+acc+"'"); got != `1 {"Name":"Acme"}` {
		t.Errorf("accounts after rollback: %s", got)
	}
}

func TestDeleteCascadeUndelete(t *testing.T) {
	o, now := testOrg(t)
	acc := insert(t, o, "Account", Fields{"Name": "Acme"})
	opp := insert(t, o, "Opportunity", Fields{"Name": "Deal", "AccountId": acc, "StageName": "Prospecting", "CloseDate": "2026-12-31"})
	*now = now.Add(time.Hour)
	rec := &recorder{}
	o.SetSink(rec)
	tx := o.Begin(o.as())
	if err := tx.Delete("Account", acc); err != nil {
		t.Fatal(err)
	}
	tx.Commit()
	if len(rec.changes) != 2 || rec.changes[0].Type != changefeed.Delete || rec.changes[1].RecordIDs[0] != opp {
		t.Fatalf("changes %+v", rec.changes)
	}
	tx = o.Begin(o.as())
	if err := tx.Update("Opportunity", opp, Fields{"Name": "x"}); err == nil || err.Code != "ENTITY_IS_DELETED" {
		t.Errorf("update of a deleted record: %v", err)
	}
	if err := tx.Undelete(acc); err != nil {
		t.Fatal(err)
	}
	tx.Commit()
	if got := query(t, o, "SELECT COUNT() FROM Opportunity"); got != "1 " {
		t.Errorf("after undelete %s opportunities", got)
	}
}
