package contract

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// base is a small contract without a mistake. Each case below puts exactly one into it.
const base = `accord {
  required_version = ">= 0.1.0"
  ledger "sqlite" {
    path = ".accord/ledger.db"
  }
}

variable "floor" {
  type    = number
  default = 0
}

connection "salesforce" "crm" {
  url = "https://acme.my.salesforce.com"
  oauth "jwt_bearer" {
    client_id   = secret::env("SF_CLIENT_ID")
    username    = "integration@acme.example"
    private_key = secret::file("/run/secrets/salesforce.pem")
  }
  budget {
    daily_calls = "40%"
  }
}

connection "monday" "work" {
  token          = secret::env("MONDAY_TOKEN")
  signing_secret = secret::env("MONDAY_SIGNING_SECRET")
  webhook_url    = "https://sync.acme.example/hooks/monday"
}

connection "monday" "other" {
  token = secret::env("OTHER_TOKEN")
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
  field "title" {
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
    where       = "Amount >= ${var.floor}"
  }
  monday {
    connection = connection.monday.work
    board      = "Deals"
    key        = text.salesforce_id
  }
  match = [name]
  create "monday" {
    when = after.stage == "Closed Won"
  }
  delete {
    salesforce = archive
    monday     = keep
  }
  guard {
    max_deletes = 20
    max_changes = "30%"
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
    sensitive  = "financial"
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
  field "delivery" {
    salesforce = [date.Delivery_Start__c, CloseDate]
    monday     = timeline.delivery
    owner      = salesforce
  }
  field "next_step" {
    salesforce = NextStep
    monday     = text.next_step
    owner      = either
    conflict   = newest
    settle     = "20s"
  }
  field "kickoff" {
    salesforce = datetime.Kickoff__c
    monday     = date.kickoff
    owner      = monday
    timezone   = "Europe/Berlin"
    lossy      = ["time"]
  }
}

trigger "kickoff" {
  on   = object.deal
  when = before.stage != "Closed Won" && after.stage == "Closed Won"
  action "monday_update" {
    body = "Won at ${after.amount}."
  }
}

policy "money" {
  fields      = sensitive.financial
  allow_owner = [salesforce]
}

removed {
  from   = object.deal.field.legacy
  action = destroy
}

allow "drop-legacy" {
  change = destroy
  target = object.deal.field.legacy
  until  = "2026-12-31"
  reason = "CRM-812"
}
`

// mistake is one edit of base, and the one diagnostic it must give.
type mistake struct {
	code, old, new string
	line           string // the source line that the diagnostic points at holds this
	says           string // summary or remedy holds this
}

var mistakes = []mistake{
	{codeSyntax, `type    = number`, `type    = = number`, "= = number", ""},
	{codeSyntax, `connection = connection.monday.work`, `connection = connection.monday.work key = 1`, "key = 1", ""},
	{codeTooDeep, `default = 0`, `default = ` + strings.Repeat("[", 80) + strings.Repeat("]", 80), "[[[", "flatter"},
	{codeTooDeep, `default = 0`, `default = 1` + strings.Repeat("+1", 600), "+1", "Split"},
	{codeTooDeep, `default = 0`, `default = 1e999999999`, "1e9", "digits"},

	{codeTooDeep, `default = 0`, `default = length([for a in ["x"] : [for b in ["y"] : a]])`, "for a", "within another"},
	{codeTooDeep, `default = 0`, `default = length([for a in ["x"] : "` + strings.Repeat("x", 5000) + `"])`, "for a", "bytes"},
	{codeExpression, `default = 0`, `default = strlen(` + strings.Repeat("replace(", 20) + `"aaaaaaaaaa"` + strings.Repeat(`, "a", "aaaaaaaaaa")`, 20) + `)`, "replace", "longer"},
	{codeExpression, `default = 0`, `default = strlen(` + strings.Repeat("jsonencode(", 40) + `"\""` + strings.Repeat(")", 40) + `)`, "jsonencode", "longer"},
	{codeExpression, `default = 0`, "default = strlen(join(\"" + strings.Repeat("x", 4000) + "\", [" + strings.Repeat("1, ", 400) + "]))", "join", "longer"},
	{codeExpression, `default = 0`, "default = strlen(format(\"" + strings.Repeat("%[1]s", 400) + "\", \"" + strings.Repeat("x", 4000) + "\"))", "format", "longer"},

	{codeUnknownBlock, `delete {`, `deletes {`, "deletes", `"delete"`},
	{codeUnknownBlock, `policy "money"`, `polcy "money"`, "polcy", `"policy"`},
	{codeUnknownBlock, `match = [name]`, `match { }`, "match {", "with an equals sign"},
	{codeUnknownAttribute, `on_drift   = revert`, `ondrift    = revert`, "ondrift", `"on_drift"`},
	{codeUnknownAttribute, `lossy      = ["time"]`, `people = email`, "people", "without an equals sign"},
	{codeUnknownAttribute, "accord {", "answer = 42\naccord {", "answer", "Only blocks"},
	{codeMissing, `sobject     = "Opportunity"`, ``, "salesforce {", "sobject"},
	{codeMissing, `external_id = "Monday_Item_Id__c"` + "\n    where", `where`, "salesforce {", "external_id"},
	{codeMissing, `    key        = text.salesforce_id` + "\n  }\n  match", "  }\n  match", "monday {", "key"},
	{codeMissing, `token          = secret::env("MONDAY_TOKEN")`, ``, `"monday" "work"`, "token"},
	{codeMissing, `board      = "Deals"`, `board      = " "`, `" "`, "empty"},
	{codeMissing, `  action "monday_update" {` + "\n" + `    body = "Won at ${after.amount}."` + "\n  }\n", ``, `trigger "kickoff"`, "action"},
	{codeDuplicate, `trigger "kickoff"`, `object "client" {}` + "\n" + `trigger "kickoff"`, `object "client"`, "contract.accord.hcl:45"},
	{codeDuplicate, `field "kickoff"`, `field "stage"`, `field "stage"`, "declared twice"},
	{codeDuplicate, `owner      = monday`, "owner = monday\n    owner = salesforce", "owner = salesforce", ""},
	{codeDuplicate, `"Closed Won"    = "Won"`, "\"Closed Won\" = \"Won\"\n\"Closed Won\" = \"Open\"", `"Closed Won" = "Open"`, "stands twice"},
	{codeDuplicate, `delete {`, "delete {}\n  delete {", "delete {", "second delete"},
	{codeDuplicate, `create "monday" {`, "create \"monday\" {}\n  create \"monday\" {", `create "monday"`, "declared twice"},
	{codeDuplicate, `external_id = "Monday_Item_Id__c"` + "\n  }", "external_id = \"Monday_Item_Id__c\"\n  key = text.X__c\n }", "external_id", "same thing"},
	{codeLabels, `picklist "stage" {`, `picklist {}` + "\n" + `picklist "stage" {`, "picklist {", `picklist "name"`},
	{codeLabels, `connection "monday" "work"`, `connection "mondey" "work" {}` + "\n" + `connection "monday" "work"`, "mondey", `"monday"`},
	{codeLabels, `ledger "sqlite" {`, `ledger "sqlit" {`, "sqlit", `"sqlite"`},
	{codeLabels, `oauth "jwt_bearer"`, `oauth "password"`, "password", `"jwt_bearer"`},
	{codeLabels, `create "monday" {`, `create "mondai" {`, "mondai", `"monday"`},
	{codeLabels, `field "next_step"`, `field "next step"`, "next step", "letters"},
	{codeLabels, `sensitive  = "financial"` + "\n  }\n  field", "sensitive  = \"financial\"\n  }\n  field \"x\" {\n salesforce = A\n monday = b\n owner = salesforce\n sensitive = \"very secret\"\n}\n  field", "very secret", "letters"},
	{codeWrongType, `where       = "Amount >= ${var.floor}"`, `where = ["Amount >= 0"]`, "where", "no text"},
	{codeWrongType, `type    = number`, `type    = numeral`, "numeral", "no type"},
	{codeWrongType, `guard {`, "lifecycle {\n protect = \"very\"\n }\n  guard {", "very", "true"},
	{codeWrongType, `max_deletes = 20`, `max_deletes = "many"`, "many", "no number"},
	{codeKeyword, `owner      = either`, `owner      = both`, "both", "either"},
	{codeKeyword, `owner      = monday`, `owner      = "monday"`, `"monday"`, "without quotes"},
	{codeKeyword, `on_drift   = revert`, `on_drift   = revers`, "revers", `"revert"`},
	{codeKeyword, `inverse = {`, "unlisted = \"rejct\"\n  inverse = {", "rejct", `"reject"`},
	{codeExpression, `where       = "Amount >= ${var.floor}"`, `where       = "Amount >= ${"x" * 2}"`, "* 2", ""},
	{codeExpression, `where       = "Amount >= ${var.floor}"`, `where       = "Amount >= ${substr(1)}"`, "substr", ""},
	{codeExpression, `where       = "Amount >= ${var.floor}"`, `where       = "Amount >= ${format("%9999999d", 1)}"`, "format", ""},
	{codeDuration, `settle     = "20s"`, `settle     = "20 seconds"`, "20 seconds", `"20s"`},
	{codeDuration, `settle     = "20s"`, `settle     = "-20s"`, "-20s", "0s"},
	{codePercentage, `max_changes = "30%"`, `max_changes = "130%"`, "130%", "up to 100"},
	{codePercentage, `max_changes = "30%"`, `max_changes = "lots"`, "lots", "30%"},
	{codePercentage, `daily_calls = "40%"`, `daily_calls = "0%"`, "0%", "40%"},
	{codeNumberRange, `max_deletes = 20`, `max_deletes = -2`, "-2", "at least"},
	{codeNumberRange, `max_deletes = 20`, `max_deletes = 2.5`, "2.5", "whole"},
	{codeRequiredVersion, `required_version = ">= 0.1.0"`, `required_version = "~> 2.0"`, "~> 2.0", "accord 0.1.0"},
	{codeRequiredVersion, `required_version = ">= 0.1.0"`, `required_version = "latest"`, "latest", "can't be read"},

	{codeReference, `connection  = connection.salesforce.crm` + "\n    sobject     = \"Opp", "connection  = connection.salesforce.crn\n    sobject     = \"Opp", "crn", `"connection.salesforce.crm"`},
	{codeReference, `reference  = object.client`, `reference  = object.clients`, "clients", `"client"`},
	{codeReference, `${var.floor}`, `${var.flor}`, "flor", `"floor"`},
	{codeReference, `board      = "Deals"`, `board      = Deals`, "Deals", "meant as text"},
	{codeReference, `on   = object.deal`, `on   = object.dael`, "dael", `"deal"`},
	{codeReferenceKind, `reference  = object.client`, `reference  = picklist.stage`, "reference", "no object"},
	{codeReferenceKind, `reference  = object.client`, `reference  = "client"`, `"client"`, "without quotes"},
	{codeReferenceKind, `connection = connection.monday.work` + "\n    board      = \"Deals\"", "connection = connection.salesforce.crm\n    board      = \"Deals\"", "connection.salesforce.crm", "monday"},
	{codeReferenceKind, `fields      = sensitive.financial`, `fields      = picklist.stage`, "picklist.stage", "sensitive.LABEL"},
	{codeUnknownFunction, `"Amount >= ${var.floor}"`, `"Amount >= ${uper("x")}"`, "uper", `"upper"`},
	{codeVariableValue, `default = 0`, ``, `variable "floor"`, "no value"},
	{codeVariableType, `default = 0`, `default = "zero"`, "zero", "number"},
	{codeVariableInvalid, `default = 0`, "default = 0\n  validation {\n    condition     = var.floor > 0\n    error_message = \"above nothing\"\n  }", `variable "floor"`, "above nothing"},
	{codeSecretMisplaced, `board      = "Deals"`, `board      = secret::env("BOARD")`, "BOARD", "never part"},
	{codeSecretMisplaced, `"https://sync.acme.example/hooks/monday"`, `"https://sync.acme.example/${secret::env("PATH")}"`, "PATH", "stands alone"},
	{codeSecretReference, `secret::env("MONDAY_TOKEN")`, `secret::vault("MONDAY_TOKEN")`, "vault", "secret::env"},
	{codeSecretReference, `secret::env("MONDAY_TOKEN")`, `secret::env("")`, `""`, "no name"},
	{codeSecretReference, `secret::env("MONDAY_TOKEN")`, `secret::env("A", "B")`, `"A"`, "one text"},

	{codeInsecure, `"https://acme.my.salesforce.com"`, `"http://acme.my.salesforce.com"`, "http:", "https"},
	{codeInsecure, `url = "https://acme.my.salesforce.com"`, "url = \"https://acme.my.salesforce.com\"\n  pubsub_insecure = true", "pubsub_insecure", "loopback"},
	{codeInsecure, `url = "https://acme.my.salesforce.com"`, "url = \"https://acme.my.salesforce.com\"\n pubsub_endpoint = \"10.0.0.1:7011\"\n  pubsub_insecure = true", "pubsub_insecure", "loopback"},
	{codeAddress, `"https://acme.my.salesforce.com"`, `"acme.my.salesforce.com"`, "acme", "https://"},
	{codeAddress, `"https://acme.my.salesforce.com"`, `"https://user:secret@acme.my.salesforce.com"`, "acme", "secret references"},
	{codeAddress, `token          = `, "listen = \"8080\"\n  token          = ", "listen", "127.0.0.1"},
	{codeWebhookLength, `"https://sync.acme.example/hooks/monday"`, `"https://sync.acme.example/` + strings.Repeat("x", 256) + `"`, "xxx", "255"},
	{codeUnsigned, `signing_secret = secret::env("MONDAY_SIGNING_SECRET")`, ``, "webhook_url", "signing_secret"},
	{codeChannel, `url = "https://acme.my.salesforce.com"`, "url = \"https://acme.my.salesforce.com\"\n  channel = \"no__channel\"", "no__channel", "developer name"},
	{codeAPIVersion, `token          = `, "api_version = \"v3\"\n  token          = ", "v3", "2026-10"},

	{codeEnds, `monday     = text.next_step`, ``, `field "next_step"`, "no monday end"},
	{codeEnds, "  monday {\n    connection = connection.monday.work\n    board      = \"Clients\"\n    key        = text.salesforce_id\n  }\n", ``, `object "client"`, "no monday end"},
	{codeNativeField, `monday     = text.next_step`, `monday     = "next_step"`, `"next_step"`, "without quotes"},
	{codeNativeField, `monday     = text.next_step`, `monday     = text.NextStep`, "NextStep", "can't be created"},
	{codeNativeField, `salesforce = NextStep`, `salesforce = text.NextStep`, "NextStep", "without a type"},
	{codeNativeField, `sobject     = "Opportunity"`, `sobject     = "Opportunity; DELETE"`, "DELETE", "API name"},
	{codeNativeField, `external_id = "Monday_Item_Id__c"` + "\n    where", "external_id = \"Monday Item\"\n    where", "Monday Item", "API name"},
	{codeNativeType, `monday     = text.next_step`, `monday     = txt.next_step`, "txt", `"text"`},
	{codeNativeType, `salesforce = NextStep`, `salesforce = Account.NextStep`, "Account.NextStep", "related records"},
	{codeNativeTwice, `monday     = text.next_step`, `monday     = numbers.amount`, "numbers.amount", `"amount" and "next_step"`},
	{codeNativeTwice, `salesforce = NextStep`, `salesforce = amount`, "amount", "both feed"},
	{codeNativeTwice, `monday     = text.next_step`, `monday     = text.salesforce_id`, "salesforce_id", "key"},
	{codeNativeTwice, `[date.Delivery_Start__c, CloseDate]`, `[CloseDate, CloseDate]`, "CloseDate", "different"},
	{codeInterval, `[date.Delivery_Start__c, CloseDate]`, `CloseDate`, "CloseDate", "start and an end"},
	{codeInterval, `monday     = text.next_step`, `monday     = [date.a, date.b, date.c]`, "date.c", "names 3"},
	{codeInterval, `monday     = timeline.delivery`, `monday     = date.delivery`, "date.delivery", "don't fit"},
	{codeInterval, `[date.Delivery_Start__c, CloseDate]`, `[text.Delivery_Start__c, CloseDate]`, "text.Delivery", "no date"},
	{codeOwner, `owner      = monday`, ``, `field "kickoff"`, "owner = either"},
	{codeConflict, `on_drift   = revert`, `conflict   = newest`, "conflict", "either"},
	{codeDrift, `settle     = "20s"`, `on_drift   = report`, "on_drift", "no edit is drift"},
	{codeTimezone, `"Europe/Berlin"`, `"Europe/Berlln"`, "Berlln", "IANA"},
	{codeTimezone, `"Europe/Berlin"`, `"Local"`, "Local", "IANA"},
	{codePeople, "    people {\n      match     = email\n      unmatched = report\n    }\n", ``, `field "manager"`, "people { match = email }"},
	{codePeople, `unmatched = report`, `unmatched = "nobody"`, "nobody", "fallback"},
	{codePeople, `lossy      = ["time"]`, "people {\n match = email\n}", "people", "no people"},
	{codeReferenceNeeded, `reference  = object.client`, ``, `field "client"`, "reference ="},
	{codeReferenceNeeded, `lossy      = ["time"]`, `reference = object.client`, "reference", "no other records"},
	{codeCycle, `field "title" {`, "field \"deal\" {\n salesforce = Deal__c\n monday = board_relation.deal\n owner = salesforce\n reference = object.deal\n}\n  field \"title\" {", "reference", "circle: "},
	{codeItemName, "  field \"name\" {\n    salesforce = Name\n    monday     = name\n", "  field \"name\" {\n    salesforce = Name\n    monday     = text.title\n", `create "monday"`, "monday = name"},
	{codeItemName, "  field \"name\" {\n    salesforce = Name\n    monday     = name\n    owner      = salesforce\n", "  field \"name\" {\n    salesforce = Name\n    monday     = name\n    owner      = monday\n", "monday     = name", "owns their name"},
	{codeMatch, `match = [name]`, `match = [nam]`, "nam", `"name"`},
	{codeMatch, `match = [name]`, `match = [name, name]`, "name, name", "twice"},
	{codeMatch, `match = [name]`, `match = ["name"]`, `"name"`, "without quotes"},
	{codeDelete, `monday     = keep`, `monday     = archive`, "archive", "keep"},
	{codeLossy, `lossy      = ["time"]`, `lossy      = ["times"]`, "times", `"time"`},

	{codeCurrency, `lossy      = ["time"]`, "currency = \"euro\"", "euro", "ISO 4217"},
	{codeCurrency, `lossy      = ["time"]`, "currency = \"EUR\"", "EUR", "CurrencyIsoCode"},
	{codeSharedKey, `sobject     = "Account"`, `sobject     = "Opportunity"`, "Monday_Item_Id__c", `an item on board "Clients", and that of an item on board "Deals"`},
	{codeTransform, `lossy      = ["time"]`, "transform {\n examples = { \"a\" = \"a\" }\n}", "transform {", "to_salesforce"},
	{codeTransform, `on_drift   = revert`, "transform {\n to_monday = value\n examples = { \"a\" = \"a\" }\n}", "transform {", "picklist"},
	{codeMissing, `lossy      = ["time"]`, "transform {\n to_salesforce = value\n}", "transform {", "examples"},
	{codeReference, `lossy      = ["time"]`, "transform {\n to_salesforce = valeu\n examples = { \"a\" = \"a\" }\n}", "valeu", `"value"`},
	{codeNow, `lossy      = ["time"]`, "transform {\n to_salesforce = now()\n examples = { \"a\" = \"a\" }\n}", "now()", "current time"},
	{codeTransformExample, `lossy      = ["time"]`, "transform {\n to_salesforce = upper(value)\n examples = { \"A\" = \"a\", \"b\" = \"b\" }\n}", `"b" = "b"`, `"B"`},
	{codeTransformExample, `lossy      = ["time"]`, "transform {\n to_salesforce = value\n examples = {}\n}", "examples", "needs an example"},
	{codeTransformExample, `lossy      = ["time"]`, "transform {\n to_salesforce = value * 2\n examples = { \"x\" = \"y\" }\n}", `"x" = "y"`, "no value"},
	{codeCanary, `max_deletes = 20`, `canary = "0065g00000AbCdE"`, "0065g00000AbCdE", "18"},
	{codeCanary, `max_deletes = 20`, `canary = ""`, `""`, "canary ="},
	{codeCanary, `max_deletes = 20`, `canary = ["1234567890", "1234567890"]`, "1234567890", "twice"},
	{codeWrongType, `max_deletes = 20`, `canary = {}`, "{}", "no text"},
	{codeReferenceAcross, "connection = connection.monday.work\n    board      = \"Clients\"", "connection = connection.monday.other\n    board      = \"Clients\"", "reference", "same connection"},

	{codePicklistInverse, `inverse = { "Open" = "Prospecting" }`, ``, "values", `"Open" = "Prospecting"`},
	{codeInverseLabel, `inverse = { "Open" = "Prospecting" }`, `inverse = { "Open" = "Prospecting", "Own" = "Closed Won" }`, "Own", `"Won"`},
	{codeInverseValue, `inverse = { "Open" = "Prospecting" }`, `inverse = { "Open" = "Closed Won" }`, "Closed Won", `"Prospecting" or "Qualification"`},
	{codeColorLabel, `"Won" = "done_green"`, `"Wom" = "done_green"`, "Wom", `"Won"`},
	{codeColorName, `"Won" = "done_green"`, `"Won" = "done_gren"`, "done_gren", `"done_green"`},
	{codeTooManyLabels, `"Closed Won"    = "Won"`, "\"Closed Won\" = \"Won\"\n" + manyLabels(39), `picklist "stage"`, "41 labels"},
	{codeLabelLength, `"Closed Won"    = "Won"`, "\"Closed Won\" = \"Won\"\n\"X\" = \"" + strings.Repeat("é", 31) + `"`, "ééé", "31 characters"},
	{codePicklistUnused, `picklist   = picklist.stage`, ``, `picklist "stage"`, "no field uses"},
	{codePicklistKind, `lossy      = ["time"]`, `picklist = picklist.stage`, "picklist", "no choices"},
	{codePicklistValues, `"Closed Won"    = "Won"`, "\"Closed Won\" = \"Won\"\n\"\" = \"Open\"", `"" = "Open"`, "Name both"},
	{codePicklistValues, "  values = {\n    \"Prospecting\"   = \"Open\"\n    \"Qualification\" = \"Open\"\n    \"Closed Won\"    = \"Won\"\n  }\n  inverse = { \"Open\" = \"Prospecting\" }\n  colors  = { \"Won\" = \"done_green\" }", `values = ["Open"]`, "values", "no table"},

	{codeCondition, `after.stage == "Closed Won"` + "\n  }", "\"Closed Won\"\n  }", "Closed Won", "not true or false"},
	{codeConditionField, `when = after.stage == "Closed Won"` + "\n", "when = after.stag == \"Closed Won\"\n", "after.stag", `"stage"`},
	{codeConditionField, `when = after.stage == "Closed Won"` + "\n", "when = after == \"Closed Won\"\n", "after", "alone"},
	{codeConditionField, `when = after.stage == "Closed Won"` + "\n", "when = record.salesforce.Name == \"x\"\n", "record", "native fields"},
	{codeConditionField, `${after.amount}`, `${record.jira_id}`, "jira_id", "record.salesforce_id"},
	{codeConditionField, `${after.amount}`, `${afer.amount}`, "afer", `"after"`},
	{codeBeforeCreate, `when = after.stage == "Closed Won"` + "\n", "when = before.stage == \"Closed Won\"\n", "before.stage", "after.stage"},
	{codeNow, `when = after.stage == "Closed Won"` + "\n", "when = now() != \"\"\n", "now()", "trigger's action"},
	{codeAction, `action "monday_update"`, `action "monday_updat"`, "monday_updat", `"monday_update"`},
	{codeAction, "  action \"monday_update\" {\n", "  action \"salesforce_create\" {\n    sobject = \"Task\"\n    fields = {\n      \"Task Subject\" = \"x\"\n    }\n  }\n  action \"monday_update\" {\n", "Task Subject", "native field"},

	{codeConditionValue, `when = after.stage == "Closed Won"` + "\n", "when = after.stage == \"Won\"\n", `"Won"`, `"Closed Won"`},
	{codeConditionValue, `when = after.stage == "Closed Won"` + "\n", "when = \"Prospektin\" != after.stage\n", "Prospektin", `"Prospecting"`},
	{codeConditionValue, `when = after.stage == "Closed Won"` + "\n", "when = contains([\"Closed Won\", \"Open\"], after.stage)\n", "Open", `"Prospecting" or "Qualification"`},

	{codeWord, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = changed("stage")`, `changed("stage")`, "changed(name)"},
	{codeWord, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = changed(after.stage)`, `changed(after.stage)`, "without quotes: stage"},
	{codeWord, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(stage)`, `became(stage)`, "became(name, VALUE)"},
	{codeWord, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = created(stage)`, `created(stage)`, "created()"},
	{codeWord, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(delivery, "2026-11-23")`, `became(delivery`, "after.delivery.from"},
	{codeWord, `when = after.stage == "Closed Won"` + "\n", "when = created()\n", "created()", "trigger on an object"},
	{codeConditionField, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = changed(stag)`, `changed(stag)`, `"stage"`},
	{codeConditionField, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(stag, "Closed Won")`, `became(stag,`, `"stage"`},
	{codeConditionValue, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(stage, "Won")`, `"Won"`, `"Closed Won"`},
	{codeConditionValue, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(amount, "lots")`, `"lots"`, "holds numbers"},
	{codeConditionValue, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = became(kickoff, "Monday")`, `"Monday"`, "holds dates"},

	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `event.Renewal`, `__e`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  object = object.deal` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `object = object.deal`, `record = event.Record_Id__c`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  record = event.Deal_Id__c` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `record = event`, `object = object.NAME`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  object = object.deal
  record = event.Deal_Id__c
  when = before.stage == null` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `before.stage`, `after.stage`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  when = after.stage == null` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `after.stage`, `object = object.NAME`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  object = object.deal
  record = event.Deal_Id__c
  when = event.Amount > 1` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `event.Amount`, `"Amount__c"`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  object = object.deal
  record = after.name` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `record = after.name`, `Name a field of the event`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e
  when = event == null` + "\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", `when = event`, `Name a field`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e` + "\n  action \"monday_update\" {\n    body = event.Reason__c\n  }\n}\ntrigger \"kickoff\" {", `action "monday_update"`, `about none`},
	{codeEvent, `trigger "kickoff" {`, "trigger \"renewal\" {\n" + `on = event.Renewal__e` + "\n  action \"monday_create\" {\n    board = \"Renewals\"\n    name = event.Reason__c\n  }\n}\ntrigger \"kickoff\" {", `action "monday_create"`, `monday connection`},
	{codeEvent, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, `when = event.Reason__c == "x"`, "event.Reason__c", "on = event.NAME__e"},
	{codeEvent, `when = before.stage != "Closed Won" && after.stage == "Closed Won"`, "when = after.stage == \"Closed Won\"\n  record = record.salesforce_id", "record = record", "Take it away"},
	{codeEvent, `connection "monday" "other" {`, "connection \"salesforce\" \"two\" {\n  url = \"https://b.my.salesforce.com\"\n  oauth \"client_credentials\" {\n    client_id     = secret::env(\"A\")\n    client_secret = secret::env(\"B\")\n  }\n}\ntrigger \"renewal\" {\n  on = event.Renewal__e\n  connection = connection.salesforce.two\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\nconnection \"monday\" \"other\" {", `trigger "renewal"`, "that an object uses"},
	{codeWord, `trigger "kickoff" {`, "trigger \"renewal\" {\n  on = event.Renewal__e\n  when = created()\n  action \"salesforce_publish\" {\n    event = \"X__e\"\n  }\n}\ntrigger \"kickoff\" {", "created()", "trigger on an object"},
	{codeMissing, `  when = before.stage != "Closed Won" && after.stage == "Closed Won"` + "\n", ``, `trigger "kickoff"`, "Add when"},

	{codeLoop, `trigger "kickoff" {`, "trigger \"more\" {\n  on   = object.deal\n  when = created()\n  action \"salesforce_create\" {\n    sobject = \"Opportunity\"\n    fields  = { Name = \"again\" }\n  }\n}\ntrigger \"kickoff\" {", `action "salesforce_create"`, "more → more"},

	{codePolicy, "monday     = numbers.amount\n    owner      = salesforce", "monday     = numbers.amount\n    owner      = monday", "owner", `"money"`},
	{codePolicyFields, `sensitive.financial`, `sensitive.finance`, "sensitive.finance", "no field is marked"},
	{codePolicyFields, `sensitive.financial`, `object.deal.field.amonut`, "amonut", `"amount"`},

	{codeAddressForm, `from   = object.deal.field.legacy`, `from   = "object.deal.field.legacy"`, "from", "without quotes"},
	{codeMovedFrom, `policy "money"`, "moved {\n  from = object.deal.field.amount\n  to = object.deal.field.stage\n}\npolicy \"money\"", "field.amount", "still exists"},
	{codeMovedTo, `policy "money"`, "moved {\n  from = object.deal.field.value\n  to = object.deal.field.amonut\n}\npolicy \"money\"", "amonut", `"object.deal.field.amount"`},
	{codeMovedDifference, `policy "money"`, "moved {\n  from = object.deal.field.value\n  to = object.client.field.title\n}\npolicy \"money\"", "client.field.title", "its object"},
	{codeRemovedPresent, `field "next_step"`, `field "legacy"`, "object.deal.field.legacy", "still exists"},
	{codeDestroyAllow, "allow \"drop-legacy\" {\n  change = destroy\n  target = object.deal.field.legacy\n  until  = \"2026-12-31\"\n  reason = \"CRM-812\"\n}\n", ``, "removed {", "2026-12-07"},
	{codeAllowExpired, `"2026-12-31"`, `"2026-11-22"`, "2026-11-22", "ended"},
	{codeAllowUnused, `target = object.deal.field.legacy`, "target = object.deal.field.legacy\n  until = \"2026-12-01\"\n  reason = \"twice\"\n}\nallow \"other\" {\n  change = destroy\n  target = object.deal.field.other", "field.other", "nothing asks"},
	{codeAllowReason, `reason = "CRM-812"`, `reason = " "`, "reason", "Say why"},
	{codeAllowUntil, `"2026-12-31"`, `"2027-12-31"`, "2027-12-31", "2027-02-21"},
	{codeAllowUntil, `"2026-12-31"`, `"31.12.2026"`, "31.12.2026", "YYYY-MM-DD"},
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(say("    \"value %d\" = \"label %d\"\n", i, i))
	}
	return b.String()
}

func one(content string) Source {
	return Source{Files: []File{{Name: "contract.accord.hcl", Content: []byte(content)}}}
}

func TestBaseHasNoMistake(t *testing.T) { parse(t, one(base)) }

// Each mistake gives one diagnostic: with its code, at its line, with a remedy, and nothing else beside it.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.code+" "+m.line, func(t *testing.T) {
			if strings.Count(base, m.old) < 1 {
				t.Fatalf("the base holds no %q", m.old)
			}
			src := one(strings.Replace(base, m.old, m.new, 1))
			_, diags := Parse(src, WithClock(today), WithVersion("0.1.0"))
			if len(diags) != 1 {
				var out bytes.Buffer
				_ = WriteDiagnostics(&out, src, diags, 120, false)
				t.Fatalf("%d diagnostics:\n%s", len(diags), out.String())
			}
			checkDiagnostic(t, src, diags[0], m)
		})
	}
}

func checkDiagnostic(t *testing.T, src Source, d *hcl.Diagnostic, m mistake) {
	t.Helper()
	if CodeOf(d) != m.code {
		t.Errorf("the code is %s: %s; want %s", CodeOf(d), d.Summary, m.code)
	}
	line := strings.Split(string(src.Files[0].Content), "\n")[d.Subject.Start.Line-1]
	if !strings.Contains(line, m.line) {
		t.Errorf("the diagnostic points at %q, want the line with %q: %s", line, m.line, d.Summary)
	}
	if d.Detail == "" || d.Summary == "" {
		t.Errorf("without a remedy: %q", d.Summary)
	}
	if !strings.Contains(d.Summary+" "+d.Detail, m.says) {
		t.Errorf("says %q, %q; want %q in it", d.Summary, d.Detail, m.says)
	}
}

// Mistakes that are no edit of one file.
func TestOtherMistakes(t *testing.T) {
	with := func(values map[string]string) Source {
		s := one(base)
		s.Variables = values
		return s
	}
	large := one(base + "# " + strings.Repeat("x", maxFileSize))
	many := Source{}
	for i := range 9 {
		many.Files = append(many.Files, File{Name: say("%d.accord.hcl", i), Content: []byte("# " + strings.Repeat("x", maxFileSize-10))})
	}
	twice := one(base)
	twice.Files = append(twice.Files, twice.Files[0])
	protected := one(strings.Replace(strings.Replace(base, "  guard {", "  lifecycle {\n    protect = true\n  }\n  guard {", 1),
		"from   = object.deal.field.legacy", "from   = object.deal", 1))
	protected.Files[0].Content = bytes.Replace(protected.Files[0].Content, []byte("target = object.deal.field.legacy"), []byte("target = object.deal"), 1)
	for _, c := range []struct {
		code string
		src  Source
	}{
		{codeNoFiles, Source{}},
		{codeTooLarge, large},
		{codeTooLarge, many},
		{codeDuplicate, twice},
		{codeVariableUnknown, with(map[string]string{"flor": "1"})},
		{codeVariableType, with(map[string]string{"floor": "lots"})},
		{codeVariableType, with(map[string]string{"floor": "[["})},
		{codeVariableValue, with(map[string]string{"floor": "null"})},
		{codeProtected, protected},
	} {
		_, diags := Parse(c.src, WithClock(today))
		if len(diags) != 1 || CodeOf(diags[0]) != c.code || diags[0].Detail == "" {
			t.Errorf("%s: %v", c.code, diags)
		}
	}
}

func TestCatalogue(t *testing.T) {
	provoked := map[string]bool{codeProtected: true, codeNoFiles: true, codeTooLarge: true, codeVariableUnknown: true, codeProbableRename: true}
	for _, m := range mistakes {
		provoked[m.code] = true
	}
	form := regexp.MustCompile(`^ACC1[0-9]{3}$`)
	var before string
	for _, c := range Codes() {
		if !form.MatchString(c.Code) || c.Code <= before {
			t.Errorf("%s is out of order or no code", c.Code)
		}
		before = c.Code
		if len(c.Text) < 40 || c.Title == "" {
			t.Errorf("%s is not explained", c.Code)
		}
		if !provoked[c.Code] {
			t.Errorf("%s (%s) is provoked by no test", c.Code, c.Title)
		}
		delete(provoked, c.Code)
	}
	if len(provoked) > 0 {
		t.Errorf("not in the catalogue: %v", slices.Sorted(func(yield func(string) bool) {
			for c := range provoked {
				if !yield(c) {
					return
				}
			}
		}))
	}
	if _, ok := Explain("ACC1999"); ok {
		t.Error("an unknown code is explained")
	}
}
