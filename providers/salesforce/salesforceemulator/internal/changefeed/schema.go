package changefeed

// Schema is what the event side needs to know of the org. It is safe for concurrent use, and
// its answers reflect metadata as it is at the time of the call.
type Schema interface {
	// Object describes the object with that API name (case-insensitive); false when there is none.
	// The answer is never filtered by anybody's permissions. Platform events (X__e) are objects too.
	Object(name string) (ObjectInfo, bool)
	// Objects lists the API names of all objects, sorted.
	Objects() []string
	// Channels lists the custom channels, sorted by Name. The standard channel ChangeEvents is not listed.
	Channels() []Channel
	// Members lists the change-data-capture selections of the standard channel and of all custom
	// channels, sorted by channel, then entity.
	Members() []Member
	// Authenticate checks the three metadata values each RPC carries: an access token, the instance URL
	// (compared to the emulator's only where non-empty) and the 18-character org id. It gives the id of the user.
	Authenticate(token, instanceURL, tenantID string) (userID string, ok bool)
	// CanRead tells whether field-level security lets the user read the field. An empty field asks about
	// the object itself.
	CanRead(userID, object, field string) bool
	// ViewsAllRecords tells whether the user has View All Records on the object (or View All Data).
	// An empty object asks about View All Data, which whole channels require.
	ViewsAllRecords(userID, object string) bool
	// OrgID is the 18-character id of the org.
	OrgID() string
	// Record gives the values of a record as they are now (the vocabulary of Change.After),
	// whatever anybody may see of it; false when it does not exist. Deleted records still answer.
	Record(object, id string) (map[string]any, bool)
	// Publish writes a platform event on behalf of the user, as Pub/Sub API publishing does. The event
	// comes back through Sink.Publish before Publish returns.
	Publish(event PlatformEvent) error
}

// ObjectInfo describes one object.
type ObjectInfo struct {
	// Name is the API name in its canonical spelling; Label the singular label.
	Name, Label string
	// KeyPrefix is the three characters its record ids start with.
	KeyPrefix string
	// Custom is true for __c, __e and similar.
	Custom bool
	// PlatformEvent is true for __e.
	PlatformEvent bool
	// Fields are in the order of describe.
	Fields []FieldInfo
}

// FieldInfo describes one field in the words of describe.
type FieldInfo struct {
	// Name is the API name in its canonical spelling; ID the 15-character id of a custom field, else empty.
	Name, ID string
	// Type is the describe type: id string textarea picklist multipicklist combobox boolean int long double currency
	// percent date datetime time email phone url reference address location encryptedstring base64 anyType complexvalue.
	Type string
	// Length is in characters for text; Precision and Scale count decimal digits; all zero where they do not apply.
	Length, Precision, Scale int
	// Custom fields end in __c.
	Custom bool
	// Nillable, Calculated (formula, roll-up), AutoNumber, ExternalID and Unique are as in describe.
	Nillable, Calculated, AutoNumber, ExternalID, Unique bool
	// HTML is true for rich text.
	HTML bool
	// ReferenceTo lists the objects a reference may point to; more than one for polymorphic fields.
	ReferenceTo []string
	// RelationshipName is the name for parent paths, empty where there is none.
	RelationshipName string
	// Compound is the name of the compound field this field is a part of (BillingAddress, Name), else empty.
	Compound string
	// NameField is true for the field that names the record.
	NameField bool
}

// Channel is a custom channel.
type Channel struct {
	// ID is its 0YL id; Name its full name ending in __chn.
	ID, Name string
	// Type is "data" for change events and "event" for platform events.
	Type string
	// Label is the text people see.
	Label string
}

// Member selects one entity on one channel.
type Member struct {
	// ID is its 0v8 id.
	ID string
	// Channel is "ChangeEvents" or the full name of a custom channel.
	Channel string
	// Entity is the event's name: AccountChangeEvent, Order__ChangeEvent or Shipped__e.
	Entity string
	// Object is the API name of the object behind the entity (Account, Order__c, Shipped__e).
	Object string
	// EnrichedFields are the API names of fields to add to each event even when they did not change.
	EnrichedFields []string
	// Filter is the filter expression, empty for none.
	Filter string
}
