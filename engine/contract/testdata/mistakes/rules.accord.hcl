picklist "stage" {
  values = {
    "Prospecting"   = "Open"
    "Qualification" = "Open"
    "Closed Won"    = "Won, and handed over to delivery"
  }
  colours = { "Open" = "sky" }
}

policy "money" {
  fields      = sensitive.financial
  allow_owner = [salesforce]
}

trigger "kickoff" {
  on   = object.deal
  when = after.stage == "Closed Won" && after.ammount > 0

  action "monday_update" {
    body = "Won at ${uper(after.name)}"
  }
}

trigger "renewal" {
  on     = event.Renewal_Requested__e
  object = object.deal
  record = event.Deal_Id__c
  when   = event.Amount > 100

  action "monday_update" {
    body = "Renewal of ${before.name}"
  }
}

removed {
  from   = object.deal.field.legacy
  action = destroy
}

allow "drop-other" {
  change = destroy
  target = object.deal.field.other
  until  = "2026-01-01"
  reason = ""
}
