package changefeed

import "time"

// The values Change.Type takes. They are the enum symbols of ChangeEventHeader.changeType that
// a write can produce by itself; the GAP_ kinds are made by the event side.
const (
	Create   = "CREATE"
	Update   = "UPDATE"
	Delete   = "DELETE"
	Undelete = "UNDELETE"
)

// Change is what one transaction did to one record: the values before its first statement and after its last.
// A record that is created and then updated in one transaction yields one CREATE with the final values.
//
// Values in Before and After are keyed by field API name in the spelling of the schema and are one of
// string, json.Number, bool or nil. Dates, datetimes and times are strings in the form REST answers give
// ("2024-01-31", "2024-01-31T10:00:00.000+0000", "10:00:00.000Z"). Parts of compound fields are flat
// (BillingStreet, FirstName); the compound fields themselves are absent. An absent key is a null.
// Receivers must not modify the maps: they are shared with the store.
type Change struct {
	// Object is the API name of the object, such as Account or Invoice__c.
	Object string
	// RecordIDs are the 18-character ids of the records. The HTTP side always gives one;
	// it is a slice because change events merge records.
	RecordIDs []string
	// Type is Create, Update, Delete or Undelete.
	Type string
	// Before is nil for Create; After is nil for Delete.
	Before, After map[string]any
	// Changed lists the fields whose value differs between Before and After, in schema order, including system
	// fields such as LastModifiedDate and SystemModstamp. For Create and Undelete: every field that is not null.
	Changed []string
	// Nulled is the part of Changed whose value became null.
	Nulled []string
	// User is the 18-character id of the user on whose behalf the transaction ran.
	User string
	// Origin is the ChangeEventHeader.changeOrigin text, such as
	// "com/salesforce/api/rest/68.0;client=accord/1.2"; empty for writes that came through no API.
	Origin string
	// Transaction is the transaction key, equal for all changes of one transaction.
	Transaction string
	// Sequence numbers the changes of one transaction from 1.
	Sequence int
	// CommitTime is when the transaction was committed, cut to the second.
	CommitTime time.Time
	// CommitNumber grows with each transaction.
	CommitNumber int64
}

// PlatformEvent is one platform event published through REST, composite or Bulk API. It is not part of
// any record transaction.
type PlatformEvent struct {
	// Object is the API name ending in __e.
	Object string
	// ID is the EventUuid.
	ID string
	// Values are the fields given by the publisher, in the vocabulary of Change.After, without system fields.
	Values map[string]any
	// User is the 18-character id of the publisher.
	User string
	// Created is when the event was accepted.
	Created time.Time
}

// Sink receives what happened. Both methods are called in commit order and never at the same time. They must
// return quickly, because the call that made the change waits for them, and must not write to the org.
// Reading the Schema from inside them is allowed; it may already show later transactions.
type Sink interface {
	// Commit takes all changes of one transaction, ordered by Sequence.
	Commit(changes []Change)
	// Publish takes platform events in the order they were accepted.
	Publish(events []PlatformEvent)
}
