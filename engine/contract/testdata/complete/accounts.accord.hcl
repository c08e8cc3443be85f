picklist "stage" {
  values = {
    "Draft"     = "Open"
    "Offered"   = "Open"
    "Signed"    = "Running"
    Done        = "Done"
    "Cancelled" = "Stopped ${"früh"} 🛑"
  }
  inverse  = { "Open" = "Offered" }
  unlisted = "keep"
  shared   = "extend"
  colors   = { Open = "sky", "Done" = "done_green" }
}

picklist "tags" {
  values = { "Strategic" = "strategic", "At risk" = "at risk" }
}

object "account" {
  salesforce {
    connection = connection.salesforce.sales
    sobject    = "Account"
    key        = text.Item__c
  }

  monday {
    connection = connection.monday.work
    board      = 4242
    key        = salesforce_id
  }

  field "title" {
    salesforce = Name
    monday     = text.title
    owner      = salesforce
  }

  field "parent" {
    salesforce = ParentId
    monday     = board_relation.parent
    owner      = salesforce
    reference  = object.account
  }

  field "revenue" {
    salesforce = AnnualRevenue
    monday     = numbers.revenue
    owner      = salesforce
    sensitive  = "financial"
  }
}

policy "money" {
  fields      = [sensitive.financial, object.project.field.closes]
  allow_owner = [salesforce]
}

moved {
  from = object.client
  to   = object.account
}

moved {
  from = object.client.field.turnover
  to   = object.account.field.revenue
}

removed {
  from   = picklist.old_stage
  action = forget
}

removed {
  from   = object.project.field.legacy
  action = destroy
}

allow "drop-legacy" {
  change = destroy
  target = object.project.field.legacy
  until  = "2026-12-31"
  reason = "CRM-812: exported on 2026-11-20"
}
