package salesforceemulator

import (
	"strings"
	"testing"
	"time"
)

func TestStageCascade(t *testing.T) {
	c := serve(t)
	id := c.do("POST", "/sobjects/Opportunity", obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 200}).id()
	c.query("SELECT Probability, IsClosed, ForecastCategory, ExpectedRevenue, Fiscal FROM Opportunity").want(200, `"Probability":10.0,"IsClosed":false,"ForecastCategory":"Pipeline","ExpectedRevenue":20.0,"Fiscal":"2026 4"`)
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"StageName": "Closed Won"}).want(204)
	c.query("SELECT Probability, IsClosed, IsWon, ForecastCategoryName, ExpectedRevenue FROM Opportunity").want(200, `"Probability":100.0,"IsClosed":true,"IsWon":true,"ForecastCategoryName":"Closed","ExpectedRevenue":200.0`)
	c.do("PATCH", "/sobjects/Opportunity/"+id, obj{"IsWon": false}).want(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
}

func TestValidationRuleAndAutomation(t *testing.T) {
	c := serve(t)
	err := c.e.SetValidationRules("Opportunity", ValidationRule{Name: "Big", Active: true, Message: "Big deals need a next step", Field: "NextStep",
		Condition: `AND(Amount > 1000, ISBLANK(NextStep), NOT(ISPICKVAL(StageName, "Closed Lost")))`})
	if err != nil {
		t.Fatal(err)
	}
	won := "Closed Won"
	c.e.SetAutomations(Automation{Name: "Thank", Object: "Opportunity", Field: "StageName", To: &won, Set: Fields{"NextStep": "Say thanks"}},
		Automation{Name: "Broken", Object: "Account", Field: "Industry", Fail: "UNABLE_TO_LOCK_ROW inside"})
	deal := obj{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 2000}
	c.do("POST", "/sobjects/Opportunity", deal).want(400, `[{"message":"Big deals need a next step","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":["NextStep"]}]`)
	deal["StageName"] = won
	id := c.do("POST", "/sobjects/Opportunity", deal).id()
	c.do("GET", "/sobjects/Opportunity/"+id, nil).want(200, `"NextStep":"Say thanks"`)
	acc := c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	c.do("PATCH", "/sobjects/Account/"+acc, obj{"Industry": "Energy"}).want(400, "CANNOT_EXECUTE_FLOW_TRIGGER")
	if err := c.e.SetValidationRules("Account", ValidationRule{Condition: `VLOOKUP(a, b, c)`}); err == nil {
		t.Error("a formula outside the subset is accepted")
	}
}

func TestRecordTypes(t *testing.T) {
	c := serve(t)
	if err := c.e.DefineField("Account", "Tier__c", `{"type":"Picklist","label":"Tier","valueSet":{"restricted":true,"valueSetDefinition":{"value":[{"valueName":"Gold"},{"valueName":"Silver"},{"valueName":"Bronze"}]}}}`, true); err != nil {
		t.Fatal(err)
	}
	rt, err := c.e.AddRecordType("Account", "Partner", "Partner", map[string][]string{"Tier__c": {"Silver", "Bronze"}})
	if err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "RecordTypeId": rt, "Tier__c": "Gold"}).want(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "RecordTypeId": rt, "Tier__c": "Silver"}).want(201)
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "Tier__c": "Gold"}).want(201)
	c.do("GET", "/ui-api/object-info/Account", nil).want(200, `"defaultRecordTypeId":"`+rt+`"`, `"`+rt+`":{`)
	a := c.do("GET", "/ui-api/object-info/Account/picklist-values/"+rt+"/Tier__c", nil).want(200, `"value":"Bronze"`)
	if strings.Contains(a.raw, "Gold") {
		t.Errorf("values of the record type: %s", a.raw)
	}
	c.do("GET", "/ui-api/object-info/Account/picklist-values/012000000000000AAA/Tier__c", nil).want(200, `"value":"Gold"`)
	c.do("GET", "/ui-api/object-info/Account/picklist-values/"+rt, nil).want(200, `"picklistFieldValues":{`)
	c.do("GET", "/sobjects/Account/describe", nil).want(200, `"developerName":"Partner"`)
}

func TestOwnersAndQueues(t *testing.T) {
	c := serve(t)
	user, err := c.e.AddUser("pat@acme.example", "Pat", "Doe", "", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	id := c.do("POST", "/sobjects/Account", obj{"Name": "x", "OwnerId": user}).id()
	if err := c.e.Update("", "User", user, Fields{"IsActive": false}); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Account", obj{"Name": "x", "OwnerId": user}).want(400, "INACTIVE_OWNER_OR_USER")
	c.do("PATCH", "/sobjects/Account/"+id, obj{"Name": "y"}).want(204) // keeping an inactive owner is fine
	queue, err := c.e.Insert("", "Group", Fields{"Name": "Q", "Type": "Queue"})
	if err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Lead", obj{"LastName": "x", "Company": "y", "OwnerId": queue}).want(400, "Queue not associated with this SObject type")
	if _, err := c.e.Insert("", "QueueSobject", Fields{"QueueId": queue, "SobjectType": "Lead"}); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Lead", obj{"LastName": "x", "Company": "y", "OwnerId": queue}).want(201)
	c.query("SELECT Owner.Name, Owner.Type FROM Lead").want(200, `"Owner":{"attributes":{"type":"Group"`, `"Type":"Group"`)
}

func TestLocks(t *testing.T) {
	c := serve(t)
	parent := c.do("POST", "/sobjects/Account", obj{"Name": "x"}).id()
	child := c.do("POST", "/sobjects/Contact", obj{"LastName": "x", "AccountId": parent}).id()
	c.e.LockRecord(parent, 10*time.Second)
	c.do("PATCH", "/sobjects/Account/"+parent, obj{"Name": "y"}).want(500, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
	c.do("PATCH", "/sobjects/Contact/"+child, obj{"FirstName": "y"}).want(500, "UNABLE_TO_LOCK_ROW")
	a := c.do("PATCH", "/composite/sobjects", obj{"records": list{obj{"attributes": obj{"type": "Contact"}, "id": child, "FirstName": "y"}}}).want(200)
	if a.get(0, "errors", 0, "statusCode") != "UNABLE_TO_LOCK_ROW" {
		t.Errorf("answer %s", a.raw)
	}
	c.e.Advance(10 * time.Second)
	c.do("PATCH", "/sobjects/Contact/"+child, obj{"FirstName": "y"}).want(204)
}

func TestMergeAndUndelete(t *testing.T) {
	c := serve(t)
	keep, lose := c.do("POST", "/sobjects/Account", obj{"Name": "keep"}).id(), c.do("POST", "/sobjects/Account", obj{"Name": "lose"}).id()
	c.do("POST", "/sobjects/Contact", obj{"LastName": "x", "AccountId": lose}).id()
	if err := c.e.Merge("", "Account", keep, []string{lose}, Fields{"Website": "acme.example"}); err != nil {
		t.Fatal(err)
	}
	c.query("SELECT Account.Name FROM Contact").want(200, `"Name":"keep"`)
	c.do("GET", "/queryAll?q=SELECT+MasterRecordId+FROM+Account+WHERE+IsDeleted=true", nil).want(200, `"MasterRecordId":"`+keep+`"`)
	if err := c.e.Undelete("", lose); err == nil {
		t.Error("a merged record can be restored")
	}
	c.do("DELETE", "/sobjects/Account/"+keep, nil).want(204)
	c.query("SELECT COUNT() FROM Contact").want(200, `"totalSize":0`)
	if err := c.e.Undelete("", keep); err != nil {
		t.Fatal(err)
	}
	c.query("SELECT COUNT() FROM Contact").want(200, `"totalSize":1`)
}

func TestPlatformEventByREST(t *testing.T) {
	c := serve(t)
	if err := c.e.DefineObject("Shipped__e", "Shipped", "Shipped"); err != nil {
		t.Fatal(err)
	}
	if err := c.e.DefineField("Shipped__e", "Order__c", `{"type":"Text","label":"Order","length":20}`, false); err != nil {
		t.Fatal(err)
	}
	c.do("POST", "/sobjects/Shipped__e", obj{"Order__c": "1"}).want(201, `"success":true`, `"statusCode":"OPERATION_ENQUEUED"`)
	c.do("POST", "/sobjects/Shipped__e", obj{"Nope__c": "1"}).want(400, "INVALID_FIELD")
	c.query("SELECT Id FROM Shipped__e").want(400, "INVALID_TYPE")
	if n := c.e.Counters().Events.EventsPublished; n != 1 {
		t.Errorf("%d events published", n)
	}
}

func TestDuplicateRules(t *testing.T) {
	c := serve(t)
	if err := c.e.SetDuplicateRules(DuplicateRule{Name: "Same_Email", Object: "Contact", Fields: []string{"Email", "LastName"}, AllowSave: true}); err != nil {
		t.Fatal(err)
	}
	doe := obj{"LastName": "Doe", "Email": "doe@acme.example"}
	id := c.do("POST", "/sobjects/Contact", doe).id()
	c.do("POST", "/sobjects/Contact", doe).want(400, `[{"duplicateResult":{"allowSave":true,"duplicateRule":"Same_Email"`, `"Id":"`+id+`"`, `"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?"`)
	rec := obj{"attributes": obj{"type": "Contact"}, "LastName": "DOE", "Email": "doe@acme.example"}
	c.do("POST", "/composite/sobjects", obj{"records": list{rec}}).want(200, `"statusCode":"DUPLICATES_DETECTED"`, `"duplicateResult":{`)
	c.do("PATCH", "/sobjects/Contact/"+id, obj{"FirstName": "Jo", "Email": "doe@acme.example"}).want(204)
	c.hdr["Sforce-Duplicate-Rule-Header"] = "allowSave=true; runAsCurrentUser=true"
	c.do("POST", "/sobjects/Contact", doe).want(201)
	if err := c.e.SetDuplicateRules(DuplicateRule{Name: "x", Object: "Contact", Fields: []string{"Nope"}}); err == nil {
		t.Error("a rule on an unknown field is accepted")
	}
}
