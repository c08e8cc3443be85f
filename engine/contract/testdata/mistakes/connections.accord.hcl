accord {
  required_version = ">= 9.0.0"
}

variable "floor" {
  type = number
}

connection "salesforce" "crm" {
  url = "http://acme.my.salesforce.com"

  oauth "password" {
    username = "integration@acme.example"
  }
}

connection "monday" "work" {
  token       = secret::env("MONDAY_TOKEN")
  webhook_url = "https://sync.acme.example/hooks/monday"

  budget {
    daily_calls = "140%"
  }
}
