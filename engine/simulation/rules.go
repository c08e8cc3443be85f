package simulation

import (
	"strings"
	"time"

	"accord/engine/record"
)

// contractText is the contract of every run. In the middle of some runs it is replaced by one with another field.
func contractText(more bool) string {
	extra := ""
	if more {
		extra = `
  field "remark" {
    salesforce = text.Remark__c
    monday     = text.remark
    owner      = salesforce
  }
`
	}
	return strings.Replace(contractBase, "  # more\n", extra, 1)
}

const contractBase = `
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
    "Negotiation"   = "Negotiating"
    "Closed Won"    = "Won"
  }
  inverse = { "Open" = "Prospecting" }
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
  match = [name]
  create "monday" {}
  delete {
    salesforce = archive
  }
  guard {
    max_deletes = 1000
    max_changes = "100%"
  }
  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }
  field "health" {
    salesforce = text.Health__c
    monday     = text.health
    owner      = monday
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
  create "monday" {
    when = after.stage == "Closed Won"
  }
  delete {
    salesforce = archive
    monday     = keep
  }
  guard {
    max_deletes = 1000
    max_changes = "100%"
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
    on_drift   = revert
  }
  field "amount" {
    salesforce = Amount
    monday     = numbers.amount
    owner      = salesforce
  }
  field "manager" {
    salesforce = OwnerId
    monday     = people.manager
    owner      = salesforce
    people {
      match     = email
      unmatched = report
    }
  }
  field "progress" {
    salesforce = number.Progress__c
    monday     = numbers.progress
    owner      = monday
  }
  field "next_step" {
    salesforce = text.Next_Step__c
    monday     = text.next_step
    owner      = either
    conflict   = newest
  }
  field "plan" {
    salesforce = text.Plan__c
    monday     = text.plan
    owner      = either
    conflict   = hold
  }
  field "risk" {
    salesforce = text.Risk__c
    monday     = text.risk
    owner      = either
    conflict   = monday
  }
  field "note" {
    salesforce = text.Note__c
    monday     = text.note
    owner      = salesforce
    on_drift   = report
  }
  field "brief" {
    salesforce = text.Brief__c
    monday     = text.brief
    owner      = salesforce
    settle     = "20s"
  }
  # more
}
object "request" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Case"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    board      = "Requests"
    key        = text.salesforce_id
  }
  create "salesforce" {}
  delete {
    monday = delete
  }
  guard {
    max_deletes = 8
    max_changes = "100%"
  }
  field "subject" {
    salesforce = Subject
    monday     = name
    owner      = monday
  }
  field "answer" {
    salesforce = text.Answer__c
    monday     = text.answer
    owner      = either
    conflict   = newest
  }
}
trigger "won" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"
  action "salesforce_create" {
    sobject = "Task"
    fields = {
      WhatId = record.salesforce_id
    }
  }
  action "monday_update" {
    body = "Won: ${record.salesforce_id}"
  }
}
trigger "asked" {
  on   = object.request
  when = before.subject == null && after.subject != null
  action "monday_create" {
    board = "Checklists"
    name  = "Checklist of ${record.monday_id}"
  }
}
`

// What the contract says, said once more by hand: the oracles must not learn it from the engine.
type objectRule struct {
	name    string
	table   [2]string
	creates [2]bool // records are created on this side
	archive [2]bool // a record removed on this side has its partner archived, or deleted where there is no archive
	fields  []fieldRule
}

type owner uint8

const (
	ownerLeft owner = iota
	ownerRight
	ownerEither
)

// The rules for a field that both sides edited.
type contested uint8

const (
	newest contested = iota
	hold
	leftWins
	rightWins
)

type fieldRule struct {
	name   string
	native [2]string
	owner  owner
	rule   contested // of ownerEither
	drift  bool      // an edit of the derived side is left alone, and told
	means  func(*world, record.Value) (right string, ok bool)
	more   bool // only in the second contract
	unique bool // every value that a user gives is given once
	settle time.Duration
}

// settling is how long a value must have stood before it is carried, where the contract says so.
const settling = 20 * time.Second

// objects are the three of the contract.
var objects = []objectRule{
	{
		name: "client", table: [2]string{"Account", "Clients"}, creates: [2]bool{false, true}, archive: [2]bool{true, false},
		fields: []fieldRule{
			{name: "name", native: [2]string{"Name", "name"}, owner: ownerLeft, unique: true},
			{name: "health", native: [2]string{"Health__c", "health"}, owner: ownerRight, unique: true},
		},
	},
	{
		name: "deal", table: [2]string{"Opportunity", "Deals"}, creates: [2]bool{false, true}, archive: [2]bool{true, false},
		fields: []fieldRule{
			{name: "name", native: [2]string{"Name", "name"}, owner: ownerLeft, unique: true},
			{name: "client", native: [2]string{"AccountId", "client"}, owner: ownerLeft, means: (*world).itemOf},
			{name: "stage", native: [2]string{"StageName", "stage"}, owner: ownerLeft, means: (*world).label},
			{name: "amount", native: [2]string{"Amount", "amount"}, owner: ownerLeft, unique: true},
			{name: "manager", native: [2]string{"OwnerId", "manager"}, owner: ownerLeft, means: (*world).colleague},
			{name: "progress", native: [2]string{"Progress__c", "progress"}, owner: ownerRight, unique: true},
			{name: "next_step", native: [2]string{"Next_Step__c", "next_step"}, owner: ownerEither, rule: newest, unique: true},
			{name: "plan", native: [2]string{"Plan__c", "plan"}, owner: ownerEither, rule: hold, unique: true},
			{name: "risk", native: [2]string{"Risk__c", "risk"}, owner: ownerEither, rule: rightWins, unique: true},
			{name: "note", native: [2]string{"Note__c", "note"}, owner: ownerLeft, drift: true, unique: true},
			{name: "brief", native: [2]string{"Brief__c", "brief"}, owner: ownerLeft, unique: true, settle: settling},
			{name: "remark", native: [2]string{"Remark__c", "remark"}, owner: ownerLeft, more: true, unique: true},
		},
	},
	{
		name: "request", table: [2]string{"Case", "Requests"}, creates: [2]bool{true, false}, archive: [2]bool{false, true},
		fields: []fieldRule{
			{name: "subject", native: [2]string{"Subject", "name"}, owner: ownerRight, unique: true},
			{name: "answer", native: [2]string{"Answer__c", "answer"}, owner: ownerEither, rule: newest, unique: true},
		},
	},
}

// label is what a stage is called on the other side.
func (w *world) label(v record.Value) (string, bool) {
	switch v.Part(0) {
	case "":
		return "", true
	case "Prospecting", "Qualification":
		return "Open", true
	case "Negotiation":
		return "Negotiating", true
	case "Closed Won":
		return "Won", true
	default:
		return "", false
	}
}

// colleague is the same person on the other side.
func (w *world) colleague(v record.Value) (string, bool) {
	switch v.Part(0) {
	case "":
		return "", true
	case "005A":
		return "901", true
	case "005B":
		return "902", true
	default:
		return "", false
	}
}

// itemOf is the item of the account that a deal refers to.
func (w *world) itemOf(v record.Value) (string, bool) {
	if v.IsEmpty() {
		return "", true
	}
	account, _ := w.find(record.Left, "Account", v.Part(0))
	if account.Key != "" {
		return account.Key, true
	}
	for _, r := range w.systems[record.Right].Records("Clients") {
		if r.Key == v.Part(0) || w.partner[r.ID] == v.Part(0) {
			return r.ID, true
		}
	}
	return "", false
}

// tells says whether the two values mean the same; ok is false where the left one can't be carried across.
func (f *fieldRule) tells(w *world, left, right record.Value) (same, ok bool) {
	if f.means == nil {
		return w.alike(left, right), true
	}
	want, ok := f.means(w, left)
	return want == right.Part(0) && right.Len() <= 1, ok
}
