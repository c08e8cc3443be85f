package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/providers/salesforce/salesforceemulator"
)

func TestProviderConforms(t *testing.T) {
	providertest.Run(t, providertest.Harness{Open: openConforming, Faults: conformanceFaults()})
}

func openConforming(t *testing.T) *providertest.Vendor {
	o := newOrg(t)
	o.p.events.pause, o.p.poll = 10*time.Millisecond, 20*time.Millisecond
	logged := &strings.Builder{}
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: logged, Mutex: &sync.Mutex{}})
	o.p.log, o.p.client.log = log, log
	ada, err := o.AddUser("ada@acme.example", "Ada", "Lovelace", "", "")
	if err != nil {
		t.Fatal(err)
	}
	us, found := o.FindUser("integration@acme.example")
	if !found {
		t.Fatal("there is no integration user")
	}
	done := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	byHand := func(f record.Fields) salesforceemulator.Fields {
		values := salesforceemulator.Fields{}
		for name, v := range f {
			values[name] = v.Part(0)
		}
		return values
	}
	v := &providertest.Vendor{
		Provider: o.p, Specs: []provider.ObjectSpec{everyType()},
		Least: record.Fields{"Name": record.OfText("Least")}, Text: "X_text__c", Other: "X_long_text__c",
		Samples: salesforceSamples(ada), Refused: salesforceRefusals(),
		Removals: map[record.Op]record.State{record.Delete: record.Deleted},
		Unknown:  []string{"001000000000999", "", "abc", "' OR Id != '", "001000000000999AAB"},
		PageSize: rowsPerPage,
		People: []record.Person{
			{ID: ada, Email: "ada@acme.example", Name: "Ada Lovelace", Active: true}, {ID: us.ID, Email: us.Email, Name: us.Name, Active: true},
		},
		Secrets: []string{"s3cret", "!AQEA"},
		Scope: &providertest.Scope{Settings: map[string]string{"where": "NumberOfEmployees >= 10 OR NumberOfEmployees = 3"},
			In: record.Fields{"NumberOfEmployees": must(record.OfDecimal("10"))}, Out: record.Fields{"NumberOfEmployees": must(record.OfDecimal("9"))}},
		Hand: []record.State{record.Deleted},
		Add: func(t *testing.T, f record.Fields) string {
			id, err := o.Insert("", "Account", byHand(f))
			done(t, err)
			return id
		},
		Edit:   func(t *testing.T, id string, f record.Fields) { done(t, o.Update("", "Account", id, byHand(f))) },
		Remove: func(t *testing.T, id string, _ record.State) { done(t, o.Delete("", "Account", id)) },
		Count:  func(*testing.T) int { return o.Count("Account") },
		Action: func(_ *testing.T, id string) provider.Action { return task(id) },
		Acted:  func(*testing.T) int { return o.Count("Task") },
		Told: func() string {
			o.calls.mu.Lock()
			defer o.calls.mu.Unlock()
			return fmt.Sprintf("%s %+v", logged, o.calls.list)
		},
		Calls: func() int { return o.Counters().Calls + o.Counters().Tokens },
	}
	before := 0
	dropped := false
	v.Struck = func() int {
		if dropped {
			return 1 // a GET whose connection breaks is sent again below us, and streams do not count
		}
		o.calls.mu.Lock()
		defer o.calls.mu.Unlock()
		n := 0
		for _, c := range o.calls.list[before:] {
			if c.Err != nil || c.Duration > slowness/2 {
				n++
			}
		}
		for _, rows := range o.Counters().ItemErrors {
			n += rows
		}
		return n
	}
	v.Break = func(t *testing.T, f providertest.VendorFault, times int) {
		if f.On == providertest.OnWatch {
			dropped = true
			for _, kind := range strings.Fields(f.Name) {
				arrange(t, o.Inject, `{"kind":"`+kind+`","delay":"50ms"}`)
			}
			return
		}
		o.calls.mu.Lock()
		before = len(o.calls.list)
		o.calls.mu.Unlock()
		dropped = strings.HasPrefix(f.Name, "drop ") && (f.On == providertest.OnRead || f.On == providertest.OnList)
		for _, fault := range vendorFaults[f.Name] {
			fault.Count = times
			if fault.Kind != salesforceemulator.FaultOAuth {
				fault.Operation = map[providertest.On]string{
					providertest.OnRead: "query", providertest.OnList: "query", providertest.OnWrite: "PATCH composite/sobjects", providertest.OnApply: "POST tooling/sobjects",
				}[f.On]
			}
			if f.On == providertest.OnApply {
				fault.Operation += "/CustomField"
			}
			if f.On == providertest.OnList {
				fault.Skip = 1 // the second page
			}
			done(t, o.Inject(fault))
		}
	}
	return v
}

const slowness = 300 * time.Millisecond

// vendorFaults are what is injected for each name; the operation is that of the call that it is to strike.
var vendorFaults = map[string][]salesforceemulator.Fault{
	"drop before":         {{Kind: salesforceemulator.FaultDropBefore, Delay: 10 * time.Millisecond}},
	"drop after":          {{Kind: salesforceemulator.FaultDropAfter, Delay: 10 * time.Millisecond}},
	"500 before":          {{Kind: salesforceemulator.FaultError, Status: http.StatusInternalServerError}},
	"500 after":           {{Kind: salesforceemulator.FaultErrorAfter, Status: http.StatusInternalServerError}},
	"502 before":          {{Kind: salesforceemulator.FaultError, Status: http.StatusBadGateway}},
	"503":                 {{Kind: salesforceemulator.FaultError, Status: http.StatusServiceUnavailable}},
	"day's calls used up": {{Kind: salesforceemulator.FaultError, Status: http.StatusForbidden, Code: "REQUEST_LIMIT_EXCEEDED", Message: "TotalRequests Limit exceeded."}},
	"concurrent calls": {{Kind: salesforceemulator.FaultError, Status: http.StatusForbidden, Code: "REQUEST_LIMIT_EXCEEDED",
		Message: "ConcurrentPerOrgLongTxn Limit exceeded. Concurrent requests"}},
	"api disabled":          {{Kind: salesforceemulator.FaultError, Status: http.StatusForbidden, Code: "API_DISABLED_FOR_ORG", Message: "API is not enabled for this Organization or Partner"}},
	"query timeout":         {{Kind: salesforceemulator.FaultError, Status: http.StatusBadRequest, Code: "QUERY_TIMEOUT", Message: "Your query request was running for too long."}},
	"locator expired":       {{Kind: salesforceemulator.FaultError, Status: http.StatusBadRequest, Code: "INVALID_QUERY_LOCATOR", Message: "invalid query locator"}},
	"session expired":       {{Kind: salesforceemulator.FaultExpire}},
	"session refused again": {{Kind: salesforceemulator.FaultExpire}},
	"login refused":         {{Kind: salesforceemulator.FaultExpire}, {Kind: salesforceemulator.FaultOAuth}},
	"row locked":            {{Kind: salesforceemulator.FaultItem}},
	"row is a duplicate":    {{Kind: salesforceemulator.FaultItem, Code: "DUPLICATE_VALUE", Message: "duplicate value found: <unknown> duplicates value on record with id: <unknown>"}},
	"row breaks a rule":     {{Kind: salesforceemulator.FaultItem, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "no"}},
	"row is read-only":      {{Kind: salesforceemulator.FaultItem, Code: "INSUFFICIENT_ACCESS_OR_READONLY", Message: "insufficient access rights on object id"}},
	"row was deleted":       {{Kind: salesforceemulator.FaultItem, Code: "ENTITY_IS_DELETED", Message: "entity is deleted"}},
	"row without storage":   {{Kind: salesforceemulator.FaultItem, Code: "STORAGE_LIMIT_EXCEEDED", Message: "storage limit exceeded"}},
	"slow":                  {{Kind: salesforceemulator.FaultDelay, Delay: slowness}},
}

func conformanceFaults() []providertest.VendorFault {
	read, write, apply, page := providertest.OnRead, providertest.OnWrite, providertest.OnApply, providertest.OnList
	var list []providertest.VendorFault
	add := func(name string, f providertest.VendorFault, on ...providertest.On) {
		for _, o := range on {
			f.Name, f.On = name, o
			list = append(list, f)
		}
	}
	survived := providertest.VendorFault{Survived: true}
	unknown, executed := providertest.VendorFault{Kind: provider.Unknown}, providertest.VendorFault{Kind: provider.Unknown, Executed: true}
	kind := func(k provider.Kind, code string) providertest.VendorFault {
		return providertest.VendorFault{Kind: k, Code: code}
	}
	for _, name := range []string{"drop before", "500 before", "502 before"} {
		add(name, unknown, write, apply)
		add(name, survived, read, page)
	}
	for _, name := range []string{"drop after", "500 after"} {
		add(name, executed, write)
		add(name, survived, read, page, apply) // what was made is found at once
	}
	add("503", survived, read, write, page)
	exhausted := kind(provider.Exhausted, "REQUEST_LIMIT_EXCEEDED")
	exhausted.Hint = true
	add("day's calls used up", exhausted, read, write, page)
	add("concurrent calls", survived, read, write)
	add("api disabled", kind(provider.Denied, "API_DISABLED_FOR_ORG"), read, write)
	add("query timeout", kind(provider.Locked, "QUERY_TIMEOUT"), read)
	add("locator expired", survived, page) // the walk begins again
	add("session expired", survived, read, write, page)
	again := kind(provider.Unauthorized, "INVALID_SESSION_ID")
	again.Times = providertest.Always
	add("session refused again", again, read, write)
	add("login refused", kind(provider.Unauthorized, "invalid_grant"), read, write)
	add("row locked", kind(provider.Locked, "UNABLE_TO_LOCK_ROW"), write)
	add("row is a duplicate", kind(provider.Stale, "DUPLICATE_VALUE"), write)
	add("row breaks a rule", kind(provider.Invalid, "FIELD_CUSTOM_VALIDATION_EXCEPTION"), write)
	add("row is read-only", kind(provider.Denied, "INSUFFICIENT_ACCESS_OR_READONLY"), write)
	add("row was deleted", kind(provider.NotFound, "ENTITY_IS_DELETED"), write)
	add("row without storage", kind(provider.Exhausted, "STORAGE_LIMIT_EXCEEDED"), write)
	add("slow", survived, read, write)
	for _, name := range []string{"drop", "drop stale_replay", "gap", "overflow", "duplicate", "hold", "drop drop"} {
		add(name, survived, providertest.OnWatch)
	}
	add("lose", providertest.VendorFault{Survived: true, Lost: true}, providertest.OnWatch)
	slices.SortFunc(list, func(a, b providertest.VendorFault) int {
		return strings.Compare(string(a.On)+a.Name, string(b.On)+b.Name)
	})
	return list
}

func salesforceSamples(person string) []providertest.Sample {
	list := []providertest.Sample{
		{Name: "name", Field: "Name", Value: record.OfText(`Acme "€" <&> 🙂 \n \ שלום`), Keeps: true},
		{Name: "text at its limit", Field: "X_text__c", Value: record.OfText(strings.Repeat("ü", textLength))},
		{Name: "padded text", Field: "X_text__c", Value: record.OfText("  padded "), Want: record.OfText("padded")},
		{Name: "long text at its limit", Field: "X_long_text__c", Value: record.OfText(strings.Repeat("x\n", longTextLimit/2-1) + "xx")},
		{Name: "email", Field: "X_email__c", Value: record.OfText("a.b+c@acme.example")},
		{Name: "phone", Field: "X_phone__c", Value: record.OfText("+49 (30) 123-45 ext. 6")},
		{Name: "url", Field: "X_url__c", Value: record.OfLink("https://acme.example/?a=b&c=d#e", "")},
		{Name: "website", Field: "Website", Value: record.OfLink("https://acme.example", "")},
		{Name: "zero", Field: "X_number__c", Value: must(record.OfDecimal("0"))},
		{Name: "large number", Field: "X_number__c", Value: must(record.OfDecimal("-9999999999999999.99"))},
		{Name: "currency", Field: "X_currency__c", Value: must(record.OfDecimal("0.1"))},
		{Name: "percent", Field: "X_percent__c", Value: must(record.OfDecimal("-12.34"))},
		{Name: "whole number", Field: "NumberOfEmployees", Value: must(record.OfDecimal("99999999"))},
		{Name: "ticked", Field: "X_checkbox__c", Value: record.OfBool(true)},
		{Name: "unticked", Field: "X_checkbox__c", Value: record.OfBool(false)},
		{Name: "leap day", Field: "X_date__c", Value: must(record.OfDate("2024-02-29"))},
		{Name: "early day", Field: "X_date__c", Value: must(record.OfDate("1700-01-01"))},
		{Name: "moment", Field: "X_datetime__c", Value: record.OfDateTime(time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC))},
		{Name: "choice", Field: "X_picklist__c", Value: record.OfChoice("Two & more")},
		{Name: "choices", Field: "X_multipicklist__c", Value: record.OfChoice("Drei", "One")},
		{Name: "owner", Field: "OwnerId", Value: record.OfPerson(person), Keeps: true},
		{Name: "street", Field: "BillingStreet", Value: record.OfText("1 Main St\nFloor 2")},
	}
	for i, s := range []string{"null", `it's "quoted" \ back`, "0", "{}", "עברית עם \"מרכאות\"", "é 🏳️‍🌈", "<b>&amp;</b>", "%_*?", "a;b"} {
		list = append(list, providertest.Sample{Name: fmt.Sprint("text ", i), Field: "X_text__c", Value: record.OfText(s)})
	}
	return list
}

func salesforceRefusals() []providertest.Refusal {
	return []providertest.Refusal{
		{Name: "text that is too long", Fields: record.Fields{"X_text__c": record.OfText(strings.Repeat("x", textLength+1))}},
		{Name: "no name", Fields: record.Fields{"Name": {}}},
		{Name: "an unknown option", Fields: record.Fields{"X_picklist__c": record.OfChoice("Four")}},
		{Name: "an unknown option among others", Fields: record.Fields{"X_multipicklist__c": record.OfChoice("One", "Four")}},
		{Name: "two options where one fits", Fields: record.Fields{"X_picklist__c": record.OfChoice("One", "Drei")}},
		{Name: "a value of another kind", Fields: record.Fields{"X_number__c": record.OfText("12")}},
		{Name: "a number that is too large", Fields: record.Fields{"X_number__c": must(record.OfDecimal("12345678901234567"))}},
		{Name: "a field that is not bound", Fields: record.Fields{"nowhere__c": record.OfText("x")}},
		{Name: "no address", Fields: record.Fields{"X_email__c": record.OfText("not an address")}},
		{Name: "a fraction of an employee", Fields: record.Fields{"NumberOfEmployees": must(record.OfDecimal("1.5"))}},
		{Name: "a record that is not there", Fields: record.Fields{"X_lookup__c": record.OfReference("001000000000999AAA")}, Kind: provider.Stale},
	}
}
