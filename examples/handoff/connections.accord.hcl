# Both systems are found through environment variables, which `accord emulate --env-file` writes.
# For real accounts, write the addresses here, and keep the references to secrets.

accord {
  required_version = ">= 0.1.0"

  ledger "sqlite" {
    path = ".accord/ledger.db"
  }
}

variable "webhook_url" {
  type        = string
  default     = "http://127.0.0.1:8787/hooks/monday"
  description = "where monday calls accord; public and https for a real account"
}

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
  webhook_url    = var.webhook_url
}
