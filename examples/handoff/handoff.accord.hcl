# Sales sells in Salesforce, delivery works in monday: every account is a client, every won opportunity a deal.

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
  unlisted = "reject"
  colors = {
    "Open"        = "working_orange"
    "Negotiating" = "sky"
    "Won"         = "done_green"
    "Lost"        = "stuck_red"
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
  field "health" {
    salesforce = text.Delivery_Health__c
    monday     = status.health
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
    group      = "New handoffs"
    key        = text.salesforce_id
  }

  match = [name, client]
  create "monday" {
    when = after.stage == "Closed Won"
  }
  delete {
    salesforce = archive
    monday     = keep
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
  field "account_manager" {
    salesforce = OwnerId
    monday     = people.account_manager
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
  field "kickoff_at" {
    salesforce = datetime.Kickoff__c
    monday     = date.kickoff
    owner      = monday
    timezone   = "Europe/Berlin"
  }
}

policy "money_is_read_only_in_monday" {
  fields      = sensitive.financial
  allow_owner = [salesforce]
}
