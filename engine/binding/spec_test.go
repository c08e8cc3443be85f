package binding_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

const small = `
connection "salesforce" "crm" {
  url = "https://acme.my.salesforce.com"
  oauth "client_credentials" {
    client_id     = secret::env("ID")
    client_secret = secret::env("SECRET")
  }
}
connection "monday" "work" {
  token = secret::env("TOKEN")
}
picklist "stage" {
  values = {
    "Prospecting"   = "Open"
    "Qualification" = "Open"
    "Closed Won"    = "Won"
  }
  inverse = { "Open" = "Prospecting" }
  colors  = { "Won" = "done_green" }
}
object "client" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Account"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Clients"
    key        = text.salesforce_id
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
}
object "deal" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Opportunity"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Deals"
    key        = text.salesforce_id
  }
  create "monday" {}
  delete {
    salesforce = archive
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
  field "client" {
    salesforce = AccountId
    monday     = board_relation.client
    owner      = salesforce
    reference  = object.client
  }
  field "stage" {
    salesforce = StageName
    monday     = status.stage
    owner      = salesforce
    picklist   = picklist.stage
  }
  field "account_manager" {
    salesforce = OwnerId
    monday     = people.account_manager
    owner      = salesforce
    people {
      match     = email
      unmatched = "Ops@Acme.example"
    }
  }
  field "progress" {
    salesforce = number.Progress__c
    monday     = numbers.progress
    owner      = monday
  }
  field "source" {
    salesforce = LeadSource
    monday     = status.source
    owner      = either
    conflict   = newest
  }
}
`

func parse(t *testing.T) *contract.Contract {
	t.Helper()
	c, diags := contract.Parse(contract.Source{Files: []contract.File{{Name: "a.accord.hcl", Content: []byte(small)}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

func TestSpecs(t *testing.T) {
	asked := 0
	specs := binding.Specs(parse(t), func(object, field string, side record.Side) []string {
		asked++
		if object == "deal" && field == "source" && side == record.Left {
			return []string{"Web", "Other"}
		}
		return nil
	})
	want := map[string][]provider.ObjectSpec{
		"salesforce.crm": {
			{
				Object: "client", Connection: "salesforce.crm", Settings: map[string]string{"sobject": "Account"}, Watched: true,
				Key:    provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Title: "Monday Item Id", Writes: true, Scale: -1},
				Fields: []provider.FieldSpec{{Field: "name", Name: "Name", Title: "Name", Scale: -1}},
			},
			{
				Object: "deal", Connection: "salesforce.crm", Settings: map[string]string{"sobject": "Opportunity"}, Watched: true,
				Key: provider.FieldSpec{Type: "text", Name: "Monday_Item_Id__c", Title: "Monday Item Id", Writes: true, Scale: -1},
				Fields: []provider.FieldSpec{
					{Field: "name", Name: "Name", Title: "Name", Scale: -1},
					{Field: "client", Name: "AccountId", Title: "Client", Scale: -1, Refers: "client"},
					{Field: "stage", Name: "StageName", Title: "Stage", Scale: -1, Options: []string{"Prospecting", "Qualification", "Closed Won"}},
					{Field: "account_manager", Name: "OwnerId", Title: "Account manager", Scale: -1},
					{Field: "progress", Type: "number", Name: "Progress__c", Title: "Progress", Writes: true, Scale: -1},
					{Field: "source", Name: "LeadSource", Title: "Source", Writes: true, Scale: -1},
				},
			},
		},
		"monday.work": {
			{
				Object: "client", Connection: "monday.work", Settings: map[string]string{"board": "Clients"}, Watched: true,
				Key:    provider.FieldSpec{Type: "text", Name: "salesforce_id", Title: "Salesforce id", Writes: true, Scale: -1},
				Fields: []provider.FieldSpec{{Field: "name", Name: "name", Title: "Name", Writes: true, Scale: -1}},
			},
			{
				Object: "deal", Connection: "monday.work", Settings: map[string]string{"board": "Deals"}, Watched: true, Creates: true, Deletes: true,
				Key: provider.FieldSpec{Type: "text", Name: "salesforce_id", Title: "Salesforce id", Writes: true, Scale: -1},
				Fields: []provider.FieldSpec{
					{Field: "name", Name: "name", Title: "Name", Writes: true, Scale: -1},
					{Field: "client", Type: "board_relation", Name: "client", Title: "Client", Writes: true, Scale: -1, Refers: "client"},
					{Field: "stage", Type: "status", Name: "stage", Title: "Stage", Writes: true, Scale: -1,
						Options: []string{"Open", "Won"}, Colors: map[string]string{"Won": "done_green"}},
					{Field: "account_manager", Type: "people", Name: "account_manager", Title: "Account manager", Writes: true, Scale: -1},
					// Its owner, and written all the same: items of ours begin here.
					{Field: "progress", Type: "numbers", Name: "progress", Title: "Progress", Writes: true, Scale: -1},
					{Field: "source", Type: "status", Name: "source", Title: "Source", Writes: true, Scale: -1, Options: []string{"Web", "Other"}},
				},
			},
		},
	}
	if d := cmp.Diff(want, specs); d != "" {
		t.Error(d)
	}
	if asked == 0 {
		t.Error("nobody asked what may be chosen")
	}
}

func TestBindings(t *testing.T) {
	specs := binding.Specs(parse(t), nil)
	crm := resource.Resource{Address: "salesforce.crm/field/a", Connection: "salesforce.crm"}
	work := resource.Resource{Address: "monday.work/board/a", Connection: "monday.work"}
	got := binding.Bindings(specs, []resource.Resource{crm, work, {Address: "other", Connection: "monday.other"}})
	want := map[string][]provider.Binding{}
	for address, r := range map[string]resource.Resource{"salesforce.crm": crm, "monday.work": work} {
		for _, s := range specs[address] {
			want[address] = append(want[address], provider.Binding{Spec: s, Resources: []resource.Resource{r}})
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(got["monday.work"]) != 2 {
		t.Errorf("%d bindings\n%s", len(got["monday.work"]), d)
	}
}
