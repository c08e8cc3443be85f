# A project refers to its account, which stands in another file.
object "project" {
  salesforce {
    connection  = connection.salesforce.sales
    sobject     = "Project__c"
    external_id = "Monday_Item_Id__c"
    record_type = "Delivery"
    where       = "Region__c = '${upper(var.region)}' AND Amount__c >= ${var.floor}"
  }

  monday {
    connection = connection.monday.work
    workspace  = "Delivery"
    board      = "Projects"
    group      = "Incoming"
    key        = text.salesforce_id
  }

  match = [name, account]

  create "monday" {
    when = after.stage == "Signed" && (after.amount >= var.floor || contains(after.tags, "Strategic"))
  }

  create "salesforce" {
    when  = after.stage != null
    owner = "projects@acme.example"
  }

  delete {
    salesforce = archive
    monday     = delete
  }

  leave {
    salesforce = archive
  }

  guard {
    max_deletes = -1
    max_changes = 500
    canary      = ["0065g00000AbCdEAAV", "1234567890"]
  }

  lifecycle {
    protect = true
  }

  field "name" {
    salesforce = Name
    monday     = name
    owner      = either
    conflict   = salesforce
    settle     = "1m30s"
    lossy      = ["truncate"]
  }

  field "account" {
    salesforce = Account__c
    monday     = board_relation.account
    owner      = salesforce
    reference  = object.account
  }

  field "stage" {
    salesforce = Stage__c
    monday     = status.stage
    owner      = either
    conflict   = hold
    picklist   = picklist.stage
  }

  field "tags" {
    salesforce = multipicklist.Tags__c
    monday     = dropdown.tags
    owner      = monday
    picklist   = picklist.tags
    on_drift   = report
  }

  field "amount" {
    salesforce = Amount__c
    monday     = numbers.amount
    owner      = salesforce
    on_drift   = ignore
    sensitive  = "financial"
    lossy      = [round]
  }

  field "budget" {
    salesforce = [currency.Budget__c, CurrencyIsoCode]
    monday     = numbers.budget
    owner      = either
    currency   = "EUR"
  }

  field "spent" {
    salesforce = [currency.Spent__c, CurrencyIsoCode]
    monday     = numbers.spent
    owner      = monday
    currency   = "EUR"
  }

  field "closes" {
    salesforce = CloseDate__c
    monday     = date.closes
    owner      = salesforce
  }

  field "delivery" {
    salesforce = [date.Start__c, CloseDate__c]
    monday     = timeline.delivery
    owner      = salesforce
  }

  field "owner" {
    salesforce = OwnerId
    monday     = people.owner
    owner      = salesforce

    people {
      match     = email
      unmatched = "Ops@Example.com"
    }
  }

  field "team" {
    salesforce = multipicklist.Team__c
    monday     = people.team
    owner      = monday

    people {
      match     = email
      unmatched = skip
    }
  }

  field "kickoff" {
    salesforce = datetime.Kickoff__c
    monday     = date.kickoff
    owner      = monday
    timezone   = "Europe/Berlin"
    lossy      = ["time"]
  }

  field "code" {
    salesforce = text.Code__c
    monday     = text.code
    owner      = either

    transform {
      to_monday     = replace(value, "PRJ-", "") # people leave the prefix out
      to_salesforce = "PRJ-${trimprefix(value, "PRJ-")}"
      examples = {
        "PRJ-0012" = "0012"
      }
    }
    lossy = ["transform"]
  }
}

trigger "handoff" {
  on   = object.project
  when = before.stage != "Signed" && after.stage == "Signed" && record.salesforce.RecordTypeId != null

  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject      = "Kick off ${after.name} (${after.amount})"
      WhatId       = record.salesforce_id
      OwnerId      = record.salesforce.OwnerId
      ActivityDate = formatdate("YYYY-MM-DD", timeadd(now(), "72h"))
    }
  }

  action "salesforce_publish" {
    event = "Handoff__e"
    fields = {
      Item__c = record.monday_id
    }
  }

  action "monday_create" {
    workspace = "Delivery"
    board     = "Checklists"
    group     = upper(var.region)
    name      = "Checklist for ${after.name}"
    fields = {
      project_stage = after.stage
    }
  }

  action "monday_update" {
    body = "Signed at ${after.amount}: delivery takes over."
  }

  action "monday_move" {
    group = "Running"
  }
}

trigger "outgrew" {
  on   = object.project
  when = updated() && (changed(amount, closes) || became(stage, "Signed")) || created() && after.amount > var.floor

  action "monday_update" {
    body = "${created() ? "New" : "Changed"}: ${after.amount}"
  }
}

trigger "renewal" {
  on     = event.Renewal_Requested__e
  object = object.project
  record = event.Project_Id__c
  when   = event.Amount__c > var.floor && after.stage != "Cancelled"

  action "monday_update" {
    body = "Renewal requested: ${event.Reason__c} (by ${event.CreatedById})"
  }
}

trigger "shouted" {
  on         = event.Shout__e
  connection = connection.salesforce.sales

  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject      = "Answer ${event.Text__c}"
      ActivityDate = formatdate("YYYY-MM-DD", event.CreatedDate)
    }
  }
}
