package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

const shared = "../../../../../../shared/data"

func newOrg(t *testing.T) *org.Org {
	t.Helper()
	o, err := org.New(org.Options{Clock: func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }, Seed: 1, Username: "integration@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func count(t *testing.T, o *org.Org, soql string) int {
	t.Helper()
	tx := o.View(org.Caller{UserID: o.IntegrationUser()})
	defer tx.Commit()
	res, err := tx.Query(soql, "", org.QueryOptions{})
	if err != nil {
		t.Fatalf("%s: %v", soql, err)
	}
	return res.Size
}

func TestRealFolders(t *testing.T) {
	if _, err := os.Stat(shared); err != nil {
		t.Skip("the data folders are not on this machine")
	}
	for _, tt := range []struct {
		folder  string
		records map[string]int
		counts  map[string]int
	}{
		{"maven-crm", map[string]int{"Account": 85, "Opportunity": 8800, "Product2": 7, "User": 41}, map[string]int{
			"SELECT COUNT() FROM Opportunity WHERE StageName = 'Closed Won'":                                       4238,
			"SELECT COUNT() FROM Opportunity WHERE IsWon = true AND Probability = 100":                             4238,
			"SELECT COUNT() FROM Opportunity WHERE AccountId = null":                                               1425,
			"SELECT COUNT() FROM Opportunity WHERE CloseDate = null":                                               2089,
			"SELECT COUNT() FROM Opportunity WHERE Engage_Date__c = null":                                          500,
			"SELECT COUNT() FROM Opportunity WHERE Product__c = 'GTXPro'":                                          1480,
			"SELECT COUNT() FROM Opportunity WHERE Owner.Name = 'Darcel Schlecht' AND Owner.Manager.Name != null":  747,
			"SELECT COUNT() FROM Account WHERE ParentId != null":                                                   15,
			"SELECT COUNT() FROM User WHERE Email = 'moses.frase@example.com'":                                     1,
			"SELECT COUNT() FROM Opportunity WHERE Name = '1C1I7A6R' AND Amount = 1054 AND CloseDate = 2017-03-01": 1,
		}},
		{"event-monitoring-demo", map[string]int{"Account": 1, "Contact": 119, "Opportunity": 278}, map[string]int{
			"SELECT COUNT() FROM Contact WHERE Name != null": 119,
		}},
		{"dreamhouse", map[string]int{"Broker__c": 8, "Contact": 5, "Property__c": 12}, map[string]int{
			"SELECT COUNT() FROM Property__c WHERE Broker__r.Name != null": 12,
			"SELECT COUNT() FROM Property__c WHERE Days_On_Market__c > 0":  0,
		}},
		{"ebikes", map[string]int{"Account": 3, "Product_Family__c": 4, "Product__c": 16}, map[string]int{
			"SELECT COUNT() FROM Product__c WHERE Product_Family__r.Name LIKE '%'": 16,
		}},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			o := newOrg(t)
			report, err := Dir(o, filepath.Join(shared, tt.folder), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for object, n := range tt.records {
				if report.Records[object] != n {
					t.Errorf("%d %s loaded; want %d", report.Records[object], object, n)
				}
			}
			for q, n := range tt.counts {
				if got := count(t, o, q); got != n {
					t.Errorf("%s: %d; want %d", q, got, n)
				}
			}
			for _, w := range report.Warnings {
				t.Log(w)
			}
			t.Log(report.Records, report.Objects, report.Fields)
		})
	}
}

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUnknownExport(t *testing.T) {
	dir := write(t, map[string]string{
		"my_clients.csv": "\ufeffCompany Name;Sector;Score;Since;VIP;Owner\nÄrzte GmbH;Healthcare;12,5;31.01.2024;yes;José Núñez\nBeta;Energy;7;01.02.2024;no;Jose Nunez\n",
		"deals.csv":      "deal id,company,value,deal stage,closing date\nD-1,Beta,\"1,200.50\",Won,2024-05-01\nD-2,Nobody,x,Engaging,\n",
		"readme.csv":     "what\nignored\n",
		"nested/Account.csv": "Id,Name,ParentId\n001gL00000000ZZ,Parent,\n" +
			"001gL00000000ZA,Child,001gL00000000ZZ\n",
		"mapping.json": `{"columns": {"Account": {"Score": "-"}}}`,
	})
	o := newOrg(t)
	report, err := Dir(o, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Records["Account"] != 4 || report.Records["Opportunity"] != 2 || report.Records["User"] != 2 {
		t.Errorf("loaded %v", report.Records)
	}
	for q, n := range map[string]int{
		"SELECT COUNT() FROM Account WHERE Name = 'Ärzte GmbH' AND Since__c = 2024-01-31 AND VIP__c = true AND Owner.Email = 'jose.nunez@example.com'": 1,
		"SELECT COUNT() FROM User WHERE Username LIKE 'jose.nunez%@example.com'":                                                                       2,
		"SELECT COUNT() FROM Opportunity WHERE Name = 'D-1' AND Amount = 1200.5 AND Account.Name = 'Beta' AND StageName = 'Closed Won'":                1,
		"SELECT COUNT() FROM Opportunity WHERE Name = 'D-2' AND Amount = null AND AccountId = null":                                                    1,
		"SELECT COUNT() FROM Account WHERE Parent.Name = 'Parent'":                                                                                     1,
	} {
		if got := count(t, o, q); got != n {
			t.Errorf("%s: %d; want %d", q, got, n)
		}
	}
	all := strings.Join(report.Warnings, "\n")
	for _, want := range []string{"readme.csv: not recognised", `"x" is no currency`, `named "Nobody"`} {
		if !strings.Contains(all, want) {
			t.Errorf("warnings lack %q:\n%s", want, all)
		}
	}
}

// An address is no user name: several users may share one.
func TestUsersOfOneAddress(t *testing.T) {
	dir := write(t, map[string]string{"User.csv": "FirstName,LastName,Email,Username,IsActive\n" +
		"Dup,One,dup@x.example,one@acme.example,true\nDup,Two,dup@x.example,two@acme.example,true\nNo,Address,,three@acme.example,true\nNo,Name,four@x.example,,true\n"})
	o := newOrg(t)
	report, err := Dir(o, dir, Options{})
	if err != nil || report.Records["User"] != 4 {
		t.Fatalf("loaded %v, %v", report, err)
	}
	for q, n := range map[string]int{
		"SELECT COUNT() FROM User WHERE Email = 'dup@x.example'":                                          2,
		"SELECT COUNT() FROM User WHERE Username = 'two@acme.example' AND Email = 'dup@x.example'":        1,
		"SELECT COUNT() FROM User WHERE Username = 'three@acme.example' AND Email = 'three@acme.example'": 1,
		"SELECT COUNT() FROM User WHERE Username = 'four@x.example' AND Email = 'four@x.example'":         1,
	} {
		if got := count(t, o, q); got != n {
			t.Errorf("%s: %d; want %d", q, got, n)
		}
	}
}

// A describe answer saved as JSON gives the org its custom objects and fields.
func TestSavedDescribes(t *testing.T) {
	dir := write(t, map[string]string{
		"Contact.json": `{"name":"Contact","fields":[{"name":"LastName","type":"string"},{"name":"Score__c","label":"Score","type":"double","precision":5,"scale":1,"nillable":true},
			{"name":"Tier__c","label":"Tier","type":"picklist","nillable":true,"restrictedPicklist":true,"picklistValues":[{"value":"Gold","label":"Gold","active":true}]},
			{"name":"Plan__c","label":"Plan","type":"reference","referenceTo":["Plan__c"],"nillable":true}]}`,
		"Plan.json":   `{"result":{"name":"Plan__c","label":"Plan","labelPlural":"Plans","fields":[{"name":"Id","type":"id"},{"name":"Code__c","label":"Code","type":"string","length":9,"nillable":true,"externalId":true,"unique":true}]}}`,
		"other.json":  `{"hello": "world"}`,
		"broken.json": `{"name": `,
	})
	o := newOrg(t)
	report, err := Dir(o, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) > 0 || strings.Join(report.Fields, " ") != "Contact.Plan__c Contact.Score__c Contact.Tier__c Plan__c.Code__c" {
		t.Errorf("report %+v", report)
	}
	if got := count(t, o, "SELECT COUNT() FROM Contact WHERE Plan__r.Code__c = 'x' AND Tier__c = 'Gold' AND Score__c > 1"); got != 0 {
		t.Errorf("%d contacts", got)
	}
}

// Whatever a CSV file holds, loading ends without a panic and names what it could not load.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"name,owner\nA,B\n", "\ufeffdeal id;value\n1;2", "a,b\n\"unterminated", "Id,ParentId\n001,001\n", "name,name,NAME\n1,2,3\n", "\x00,\xff\n1\n", "close date\n2024-13-01\n", "😀,العربية\nx,y\n"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		sub, err := os.MkdirTemp(dir, "f")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(sub) }()
		if err := os.WriteFile(filepath.Join(sub, "deals.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := Dir(newOrg(t), sub, Options{})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if n := report.Records["Opportunity"]; n > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
			t.Fatalf("%q: %d records", text, n)
		}
	})
}
