package merge

// The rules that a Step may name.
const (
	RuleUnchanged    = "unchanged"     // nobody changed it since it was agreed
	RuleAgreed       = "agreed"        // both sides mean the same
	RuleOwner        = "owner"         // the owner's value flows
	RuleOnlyEditor   = "only_editor"   // either may edit, one did
	RuleNewest       = "newest"        // both edited, the later edit wins
	RuleSide         = "side"          // both edited, the contract names the winner
	RuleHold         = "hold"          // both edited, the contract holds
	RuleFirst        = "first_meeting" // never agreed before
	RuleParent       = "parent"        // what it refers to has another partner
	RuleRevert       = "revert"        // the derived side was edited, and is put back
	RuleReport       = "report"        // the derived side was edited, and stays
	RuleIgnore       = "ignore"        // the derived side was edited, and that is nobody's concern
	RuleNotShown     = "not_shown"     // a side does not show the field
	RuleUnsettled    = "unsettled"     // the value has not come to rest
	RuleRejected     = "rejected"      // the value can't be carried
	RuleAwarded      = "awarded"       // an operator decided
	RuleCreate       = "create"        // the record is created on the other side
	RuleNoCreate     = "no_create"     // the contract does not have it created there
	RuleNotQualified = "not_qualified" // the condition of the create block does not hold
	RuleLink         = "link"          // the records get each other's ids
	RuleKeep         = "keep"          // the partner was deleted, this one stays
	RuleArchive      = "archive"       // the partner was deleted, this one is archived
	RuleDelete       = "delete"        // the partner was deleted, so is this one
	RuleClose        = "close"         // both are gone
	RuleMissing      = "missing"       // a side does not show the record: nothing is concluded
	RuleOutside      = "outside"       // a record is there and not one of the object's now: it may come back
	RuleReturned     = "returned"      // the record is back, and its partner was removed by us meanwhile
	RuleLetGo        = "let_go"        // its partner became another record's: it waits for a person
	RuleIgnored      = "ignored"       // a person said that it stays by itself
	RuleDismissed    = "dismissed"     // it was a double: the delete rule decides
)
