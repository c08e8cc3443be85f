accord {
  required_version = ">= 0.1.0, < 2.0.0"

  ledger "postgres" {
    url = secret::env("ACCORD_LEDGER_URL")
  }
}

variable "region" {
  type        = string
  default     = "emea"
  description = "Which part of the business this contract is for."

  validation {
    condition     = contains(["emea", "apac"], var.region)
    error_message = "The region is emea or apac."
  }
}

variable "floor" {
  type    = number
  default = 1000
}

variable "regions" {
  type    = list(string)
  default = ["emea"]
}

connection "salesforce" "sales" {
  url             = secret::env("SF_URL")
  api_version     = "68.0"
  client          = "accord"
  pubsub_endpoint = "localhost:7011"
  pubsub_insecure = true
  channel         = "accord"

  oauth "client_credentials" {
    client_id     = secret::env("SF_CLIENT_ID")
    client_secret = secret::file("/run/secrets/${var.region}-salesforce")
  }

  budget {
    daily_calls = 20000
  }
}

connection "salesforce" "service" {
  url = "http://127.0.0.1:8010"

  oauth "refresh_token" {
    client_id     = secret::env("SF_CLIENT_ID")
    refresh_token = secret::env("SF_REFRESH_TOKEN")
  }
}

connection "monday" "work" {
  url            = "http://localhost:8020/v2"
  token          = secret::env("MONDAY_TOKEN")
  signing_secret = secret::env("MONDAY_SIGNING_SECRET")
  webhook_url    = "https://sync.example.com/hooks/monday"
  listen         = "127.0.0.1:8030"

  budget {
    daily_calls = "12.5%"
  }
}
