package salesforceemulator

import "accord/providers/salesforce/salesforceemulator/internal/org"

func grantAccount(tx *org.Tx) error { return tx.GrantToProfiles("Account") }
