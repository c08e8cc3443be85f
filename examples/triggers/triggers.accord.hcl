# Triggers to put beside the contract of examples/handoff: copy this file into its folder.
#
# The second one listens to a platform event that the org must have, Renewal_Requested__e with Opportunity_Id__c (text),
# Amount__c (number) and Reason__c (text): a plan is blocked until it is there.

# A deal is won: a task for its owner, and a word to those who deliver.
trigger "kickoff_task" {
  on   = object.deal
  when = became(stage, "Closed Won")

  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject      = "Kick off ${after.name}"
      WhatId       = record.salesforce_id
      OwnerId      = record.salesforce.OwnerId
      ActivityDate = formatdate("YYYY-MM-DD", timeadd(now(), "72h"))
    }
  }
  action "monday_update" {
    body = "Closed won at ${after.amount}: delivery takes over."
  }
}

# Somebody, or a flow, asks for a renewal of a deal that was won.
trigger "renewal" {
  on     = event.Renewal_Requested__e
  object = object.deal
  record = event.Opportunity_Id__c
  when   = event.Amount__c > 100 && after.stage == "Closed Won"

  action "monday_update" {
    body = "Renewal of ${after.name} requested: ${event.Reason__c}"
  }
  action "salesforce_create" {
    sobject = "Task"
    fields = {
      Subject = event.Reason__c
      WhatId  = record.salesforce_id
    }
  }
}
