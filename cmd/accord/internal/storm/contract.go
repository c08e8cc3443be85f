package storm

import "strings"

// contractText is the contract that people work under. In mid-flight it is replaced by one with another field, and back.
// The vendors' calls go past the wire that listens in: hook is where monday calls, listen where accord answers, desk who gets the requests.
func contractText(hook, listen, desk string, more bool) string {
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
	return strings.NewReplacer("# more\n", extra, "HOOK", hook, "LISTEN", listen, "DESK", desk).Replace(contractBase)
}

const contractBase = `
connection "salesforce" "crm" {
  url             = secret::env("SF_URL")
  pubsub_endpoint = secret::env("SF_PUBSUB")
  pubsub_insecure = secret::env("SF_PUBSUB_INSECURE")
  oauth "client_credentials" {
    client_id     = secret::env("SF_CLIENT_ID")
    client_secret = secret::env("SF_CLIENT_SECRET")
  }
}

connection "monday" "work" {
  url            = secret::env("MONDAY_URL")
  token          = secret::env("MONDAY_TOKEN")
  signing_secret = secret::env("MONDAY_SIGNING_SECRET")
  webhook_url    = "HOOK"
  listen         = "LISTEN"
}

picklist "stage" {
  values = {
    "Prospecting"        = "Open"
    "Qualification"      = "Open"
    "Negotiation/Review" = "Negotiating"
    "Closed Won"         = "Won"
    "Closed Lost"        = "Lost"
  }
  inverse = {
    "Open" = "Prospecting"
  }
}

object "client" {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = "Account"
    external_id = "Monday_Item_Id__c"
  }
  monday {
    connection = connection.monday.work
    workspace  = "Sales"
    board      = "Clients"
    key        = text.salesforce_id
  }
  match = [name]
  create "monday" {}
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
  field "industry" {
    salesforce = Industry
    monday     = dropdown.industry
    owner      = salesforce
  }
  field "website" {
    salesforce = Website
    monday     = link.website
    owner      = salesforce
  }
  field "story" {
    salesforce = long_text.Story__c
    monday     = long_text.story
    owner      = salesforce
  }
  field "health" {
    salesforce = text.Delivery_Health__c
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
    workspace  = "Sales"
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
    salesforce = percent.Delivery_Progress__c
    monday     = numbers.progress
    owner      = monday
  }
  field "next_step" {
    salesforce = NextStep
    monday     = text.next_step
    owner      = either
    conflict   = newest
  }
  field "plan" {
    salesforce = text.Plan__c
    monday     = text.plan
    owner      = either
    conflict   = salesforce
  }
  field "risk" {
    salesforce = text.Risk__c
    monday     = text.risk
    owner      = either
    conflict   = monday
  }
  field "idea" {
    salesforce = text.Idea__c
    monday     = text.idea
    owner      = either
    conflict   = hold
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
    workspace  = "Sales"
    board      = "Requests"
    key        = text.salesforce_id
  }
  create "salesforce" {
    owner = "DESK"
  }
  delete {
    monday = delete
  }
  guard {
    max_deletes = 1000
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
      Subject = "Kick off"
      WhatId  = record.salesforce_id
    }
  }
  action "monday_update" {
    body = "Delivery takes over"
  }
}
`

// occurrenceField is how an administrator gives tasks the field that makes each of accord's one of a kind.
const occurrenceField = `<?xml version="1.0" encoding="UTF-8"?>
<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">
    <fullName>Accord_Occurrence__c</fullName>
    <label>Accord Occurrence</label>
    <length>36</length>
    <type>Text</type>
</CustomField>
`

// What the contract says, said once more by hand: the judges must not learn it from accord.

type owner uint8

const (
	bySalesforce owner = iota
	byMonday
	byEither
)

// The rules for a field that both sides edited.
type contested uint8

const (
	newest contested = iota
	salesforceWins
	mondayWins
	hold
)

// field is one field, by its name on each side.
type field struct {
	native [2]string
	owner  owner
	rule   contested // of byEither
	// means says how a value of Salesforce's reads on the board; nil: as it is.
	means func(*judge, string) string
}

// object is one object, by its table on each side.
type object struct {
	table  [2]string
	fields []field
}

var clients = object{[2]string{"Account", "Clients"}, []field{
	{native: [2]string{"Name", "name"}},
	{native: [2]string{"Industry", "industry"}},
	{native: [2]string{"Website", "website"}},
	{native: [2]string{"Story__c", "story"}},
	{native: [2]string{"Delivery_Health__c", "health"}, owner: byMonday},
}}

var deals = object{[2]string{"Opportunity", "Deals"}, []field{
	{native: [2]string{"Name", "name"}},
	{native: [2]string{"AccountId", "client"}, means: (*judge).itemOf},
	{native: [2]string{"StageName", "stage"}, means: (*judge).label},
	{native: [2]string{"Amount", "amount"}, means: (*judge).number},
	{native: [2]string{"OwnerId", "manager"}, means: (*judge).colleague},
	{native: [2]string{"Delivery_Progress__c", "progress"}, owner: byMonday, means: (*judge).number},
	{native: [2]string{"NextStep", "next_step"}, owner: byEither, rule: newest},
	{native: [2]string{"Plan__c", "plan"}, owner: byEither, rule: salesforceWins},
	{native: [2]string{"Risk__c", "risk"}, owner: byEither, rule: mondayWins},
	{native: [2]string{"Idea__c", "idea"}, owner: byEither, rule: hold},
	{native: [2]string{"Remark__c", "remark"}},
}}

var requests = object{[2]string{"Case", "Requests"}, []field{
	{native: [2]string{"Subject", "name"}, owner: byMonday},
	{native: [2]string{"Answer__c", "answer"}, owner: byEither, rule: newest},
}}

var objects = []*object{&clients, &deals, &requests}

var stages = []string{"Prospecting", "Qualification", "Negotiation/Review", "Closed Lost"}

const won = "Closed Won"

var labels = map[string]string{"Prospecting": "Open", "Qualification": "Open", "Negotiation/Review": "Negotiating", "Closed Won": "Won", "Closed Lost": "Lost"}
