object "deal" {
  salesforce {
    connection  = connection.salesforce.crn
    sobject     = "Opportunity"
    external_id = "Monday_Item_Id__c"
    where       = "Amount >= ${var.floor}"
  }

  monday {
    connection = connection.monday.work
    board      = "Deals"
  }

  match = [name, cliant]

  create "monday" {
    when = before.stage == "Closed Won"
  }

  delete {
    monday = archive
  }

  field "name" {
    salesforce = Name
    monday     = name
    owner      = salesforce
  }

  field "stage" {
    salesforce = StageName
    monday     = status.stage
    owner      = "salesforce"
    picklist   = picklist.stage
  }

  field "amount" {
    salesforce = Amount
    monday     = numbers.amount
    owner      = monday
    sensitive  = "financial"
    conflict   = newest
  }

  field "manager" {
    salesforce = OwnerId
    monday     = people.manager
    owner      = salesforce
  }

  field "delivery" {
    salesforce = CloseDate
    monday     = timeline.delivery
    owner      = salesforce
  }

  field "kickoff" {
    salesforce = datetime.Kickoff__c
    monday     = date.kickoff
    owner      = monday
    timezone   = "Europe/Berln"
    settle     = "soon"
  }

  fields "next_step" {
    salesforce = NextStep
  }
}
