package salesforceemulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var currencies = []Currency{{Code: "USD", Rate: "1", Decimals: 2, Corporate: true}, {Code: "EUR", Rate: "0.8", Decimals: 2}, {Code: "JPY", Rate: "150", Decimals: 0}, {Code: "DEM", Rate: "2", Inactive: true}}

func deal(more obj) obj {
	out := obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// An org with several currencies: each record has one, amounts stay in it, and only what asks for it is converted.
func TestSeveralCurrencies(t *testing.T) {
	c := serve(t)
	c.query("SELECT Id FROM CurrencyType").want(400, "INVALID_TYPE")
	c.do("POST", "/sobjects/Opportunity", deal(obj{"CurrencyIsoCode": "EUR"})).want(400, "No such column 'CurrencyIsoCode'")
	early := c.do("POST", "/sobjects/Opportunity", deal(obj{"Amount": 10})).id()
	stamped := c.query("SELECT SystemModstamp FROM Opportunity").raw
	if err := c.e.EnableCurrencies(currencies...); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(stamped, c.query("SELECT SystemModstamp FROM Opportunity").raw); d != "" {
		t.Errorf("enabling currencies modified records: %s", d)
	}
	c.do("GET", "/sobjects/Opportunity/"+early, nil).want(200, `"CurrencyIsoCode":"USD"`)

	f := fieldOf(c.do("GET", "/sobjects/Opportunity/describe", nil).want(200).get(), "CurrencyIsoCode")
	for k, want := range map[string]any{"type": "picklist", "restrictedPicklist": true, "defaultedOnCreate": true, "nillable": false, "createable": true, "updateable": true, "length": 3.0, "label": "Currency ISO Code"} {
		if d := cmp.Diff(want, f[k]); d != "" {
			t.Errorf("describe, %s: %s", k, d)
		}
	}
	if n := len(f["picklistValues"].([]any)); n != 4 {
		t.Errorf("%d values are described", n)
	}
	c.query("SELECT IsoCode, ConversionRate, DecimalPlaces, IsCorporate FROM CurrencyType WHERE IsActive = true ORDER BY IsoCode").
		want(200, `"totalSize":3`, `"IsoCode":"EUR","ConversionRate":0.8,"DecimalPlaces":2,"IsCorporate":false`)

	id := c.do("POST", "/sobjects/Opportunity", deal(obj{"Amount": 80, "CurrencyIsoCode": "eur"})).id()
	c.do("POST", "/sobjects/Opportunity", deal(obj{"CurrencyIsoCode": "XXX"})).want(400, "INVALID_CURRENCY_ISO", `"fields":["CurrencyIsoCode"]`)
	c.do("POST", "/sobjects/Opportunity", deal(obj{"CurrencyIsoCode": "DEM"})).want(400, "INVALID_CURRENCY_ISO")
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"CurrencyIsoCode": nil}).want(400, "REQUIRED_FIELD_MISSING")
	c.query("SELECT Amount, convertCurrency(Amount) usd FROM Opportunity WHERE CurrencyIsoCode = 'EUR'").want(200, `"Amount":80.0,"usd":100.0`)
	c.query("SELECT SUM(Amount) total, MAX(Amount) most FROM Opportunity").want(200, `"total":110.0,"most":100.0`)
	c.query("SELECT Id FROM Opportunity WHERE Amount > USD90").want(200, `"totalSize":1`, id)
	c.query("SELECT Id FROM Opportunity WHERE Amount > 90").want(200, `"totalSize":0`) // numbers, not amounts

	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"CurrencyIsoCode": "JPY"}).want(204)
	c.do("GET", "/sobjects/Opportunity/"+id, nil).want(200, `"Amount":80.0`, `"CurrencyIsoCode":"JPY"`) // the amount is not converted
	if err := c.e.Update("", "User", c.userID(), Fields{"CurrencyIsoCode": "EUR"}); err != nil {
		t.Fatal(err)
	}
	own := c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	c.do("GET", "/sobjects/Account/"+own, nil).want(200, `"CurrencyIsoCode":"EUR"`)
	if err := c.e.DefineObject("Visit__c", "Visit", "Visits"); err != nil {
		t.Fatal(err)
	}
	c.do("GET", "/sobjects/Visit__c/describe", nil).want(200, `"name":"CurrencyIsoCode"`)

	rate := c.query("SELECT Id FROM CurrencyType WHERE IsoCode = 'DEM'").get("records", 0, "Id").(string)
	c.do("PATCH", "/sobjects/CurrencyType/"+rate, obj{"IsActive": true}).want(204)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "CurrencyIsoCode": "DEM"}).want(201)
	c.do("POST", "/sobjects/CurrencyType", obj{"IsoCode": "CHF", "ConversionRate": 0.9, "DecimalPlaces": 2, "IsActive": true}).want(201)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "CurrencyIsoCode": "CHF"}).want(201)
	c.do("DELETE", "/sobjects/CurrencyType/"+rate, nil).want(400, "INSUFFICIENT_ACCESS_OR_READONLY")
}

func TestCurrencyInEventsAndState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json.gz")
	keep := func(o *Options) { o.StateFile = file }
	c := serve(t, keep)
	if err := c.e.EnableCurrencies(currencies...); err != nil {
		t.Fatal(err)
	}
	if err := c.e.SelectForChangeEvents("Opportunity"); err != nil {
		t.Fatal(err)
	}
	l := c.listen("/data/OpportunityChangeEvent")
	id := c.do("POST", "/sobjects/Opportunity", deal(obj{"Amount": 1, "CurrencyIsoCode": "EUR"})).id()
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"CurrencyIsoCode": "JPY"}).want(204)
	if h := l.next(); h.Body["CurrencyIsoCode"] != "EUR" {
		t.Errorf("the first event says %v", h.Body["CurrencyIsoCode"])
	}
	if h := l.next(); h.Body["CurrencyIsoCode"] != "JPY" || h.Body["Amount"] != nil {
		t.Errorf("the second event says %v, %v", h.Body["CurrencyIsoCode"], h.Body["Amount"])
	}
	if err := c.e.Save(); err != nil {
		t.Fatal(err)
	}
	d := serve(t, keep)
	d.do("POST", "/sobjects/Opportunity", deal(obj{"CurrencyIsoCode": "JPY"})).want(201)
	d.query("SELECT COUNT() FROM CurrencyType").want(200, `"totalSize":4`)
}

func TestLineItemsFollowTheirDeal(t *testing.T) {
	c := serve(t)
	if err := c.e.EnableCurrencies(currencies...); err != nil {
		t.Fatal(err)
	}
	book := c.query("SELECT Id FROM Pricebook2").get("records", 0, "Id").(string)
	product := c.do("POST", "/sobjects/Product2", obj{"Name": "P", "IsActive": true}).id()
	entry := c.do("POST", "/sobjects/PricebookEntry", obj{"Pricebook2Id": book, "Product2Id": product, "UnitPrice": 5, "IsActive": true, "CurrencyIsoCode": "EUR"}).id()
	id := c.do("POST", "/sobjects/Opportunity", deal(obj{"CurrencyIsoCode": "EUR", "Pricebook2Id": book})).id()
	item := obj{"OpportunityId": id, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 5}
	line := c.do("POST", "/sobjects/OpportunityLineItem", item).id()
	c.do("GET", "/sobjects/OpportunityLineItem/"+line, nil).want(200, `"CurrencyIsoCode":"EUR"`)
	item["CurrencyIsoCode"] = "USD"
	c.do("POST", "/sobjects/OpportunityLineItem", item).want(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"CurrencyIsoCode": "USD"}).want(204)
	c.do("GET", "/sobjects/OpportunityLineItem/"+line, nil).want(200, `"CurrencyIsoCode":"USD"`)
}

func TestCurrenciesThatMakeNoSense(t *testing.T) {
	c := serve(t)
	for name, list := range map[string][]Currency{
		"none": {}, "no corporate one": {{Code: "USD", Rate: "1"}}, "two corporate ones": {{Code: "USD", Rate: "1", Corporate: true}, {Code: "EUR", Rate: "1", Corporate: true}},
		"a rate of nothing": {{Code: "USD", Rate: "1", Corporate: true}, {Code: "EUR", Rate: "0"}}, "a corporate rate": {{Code: "USD", Rate: "2", Corporate: true}},
		"a code": {{Code: "usd", Rate: "1", Corporate: true}}, "an inactive corporate one": {{Code: "USD", Rate: "1", Corporate: true, Inactive: true}},
	} {
		if err := c.e.EnableCurrencies(list...); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	c.query("SELECT Id FROM CurrencyType").want(400, "INVALID_TYPE")
}

func TestLoadedCurrencies(t *testing.T) {
	load := func(files map[string]string) *testClient {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return serve(t, func(o *Options) { o.DataDir = dir })
	}
	rates := "IsoCode,ConversionRate,DecimalPlaces,IsCorporate,IsActive\nGBP,1,2,true,true\nEUR,1.2,2,false,true\n"
	c := load(map[string]string{"CurrencyType.csv": rates, "Account.csv": "Name,CurrencyIsoCode\nA,EUR\nB,\n"})
	c.query("SELECT Name, CurrencyIsoCode FROM Account ORDER BY Name").want(200, `"Name":"A","CurrencyIsoCode":"EUR"`, `"Name":"B","CurrencyIsoCode":"GBP"`)
	if w := c.e.Loaded().Warnings; len(w) != 0 {
		t.Errorf("warnings: %s", strings.Join(w, "; "))
	}
	c = load(map[string]string{"Currency.settings-meta.xml": `<CurrencySettings><enableMultiCurrency>true</enableMultiCurrency></CurrencySettings>`, "Account.csv": "Name\nA\n"})
	c.query("SELECT CurrencyIsoCode FROM Account").want(200, `"CurrencyIsoCode":"USD"`)
	if _, err := New(Options{DataDir: func() string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "CurrencyType.csv"), []byte("IsoCode\nUSD\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}()}); err == nil {
		t.Error("currencies without rates were loaded")
	}
}
