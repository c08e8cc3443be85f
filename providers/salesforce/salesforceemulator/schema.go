package salesforceemulator

import (
	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// currentSchema is the schema of whatever org there is now: a reset replaces the org but not the event server.
type currentSchema struct{ e *Emulator }

func (c *currentSchema) schema() *org.Schema {
	o, _ := c.e.core()
	return o.Schema()
}

func (c *currentSchema) Object(name string) (changefeed.ObjectInfo, bool) {
	return c.schema().Object(name)
}
func (c *currentSchema) Objects() []string              { return c.schema().Objects() }
func (c *currentSchema) Channels() []changefeed.Channel { return c.schema().Channels() }
func (c *currentSchema) Members() []changefeed.Member   { return c.schema().Members() }
func (c *currentSchema) OrgID() string                  { return c.schema().OrgID() }
func (c *currentSchema) Authenticate(token, instanceURL, tenantID string) (string, bool) {
	return c.schema().Authenticate(token, instanceURL, tenantID)
}
func (c *currentSchema) CanRead(userID, object, field string) bool {
	return c.schema().CanRead(userID, object, field)
}
func (c *currentSchema) ViewsAllRecords(userID, object string) bool {
	return c.schema().ViewsAllRecords(userID, object)
}
func (c *currentSchema) Record(object, id string) (map[string]any, bool) {
	return c.schema().Record(object, id)
}
func (c *currentSchema) Publish(e changefeed.PlatformEvent) error { return c.schema().Publish(e) }
