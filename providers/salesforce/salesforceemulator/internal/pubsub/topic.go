package pubsub

import (
	"slices"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
)

// standardChannel carries all default selections; its topic is /data/ChangeEvents.
const standardChannel = "ChangeEvents"

// topic is one resolved topic name. Exactly one of object and channel is set.
// The forms are those of "Subscription Channels" in the Change Data Capture guide:
// /data/AccountChangeEvent, /data/Order__ChangeEvent, /data/ChangeEvents, /data/Name__chn, /event/X__e and /event/Name__chn.
type topic struct {
	name string
	// events is true for platform events, false for change events: the two have streams of their own.
	events bool
	// object is the object or platform event a single-entity topic is about.
	object string
	// channel is "ChangeEvents" or the full name of a custom channel.
	channel string
}

// topic resolves a name as the org is configured now. Names are case-sensitive.
func (r *rpc) topic(name string) (topic, error) {
	if t, ok := r.server.resolve(name); ok {
		return t, nil
	}
	return topic{}, r.fail(codeTopicNotFound, r.orgID, name)
}

func (s *Server) resolve(name string) (topic, bool) {
	if rest, ok := strings.CutPrefix(name, "/data/"); ok {
		return s.resolveChange(name, rest)
	}
	if rest, ok := strings.CutPrefix(name, "/event/"); ok {
		return s.resolveEvent(name, rest)
	}
	return topic{}, false
}

func (s *Server) resolveChange(name, rest string) (topic, bool) {
	if rest == standardChannel {
		return topic{name: name, channel: standardChannel}, true
	}
	if strings.HasSuffix(rest, "__chn") {
		return topic{name: name, channel: rest}, s.hasChannel(rest, "data")
	}
	for _, member := range s.schema.Members() {
		if member.Entity == rest && isChangeEvent(member.Entity) {
			return topic{name: name, object: member.Object}, true
		}
	}
	return topic{}, false
}

func (s *Server) resolveEvent(name, rest string) (topic, bool) {
	if strings.HasSuffix(rest, "__chn") {
		return topic{name: name, events: true, channel: rest}, s.hasChannel(rest, "event")
	}
	object, ok := s.schema.Object(rest)
	if !ok || !object.PlatformEvent || object.Name != rest {
		return topic{}, false
	}
	return topic{name: name, events: true, object: object.Name}, true
}

func (s *Server) hasChannel(name, kind string) bool {
	return slices.ContainsFunc(s.schema.Channels(), func(c changefeed.Channel) bool {
		return c.Name == name && c.Type == kind
	})
}

func isChangeEvent(entity string) bool { return strings.HasSuffix(entity, "ChangeEvent") }

// canSubscribe tells whether the user may subscribe. A single entity needs View All Records on its object; a channel
// of several entities can always be subscribed to, and leaves out what its subscriber may not see.
// From "Required Permissions for Change Events Received by CometD, Pub/Sub API, and LWC Subscribers".
func (s *Server) canSubscribe(user string, t topic) bool {
	switch {
	case t.channel != "":
		return true
	case t.events:
		return s.schema.CanRead(user, t.object, "")
	default:
		return s.schema.CanRead(user, t.object, "") && s.schema.ViewsAllRecords(user, t.object)
	}
}

// canPublish is true for platform events the user has access to. Change events cannot be published.
func (s *Server) canPublish(user string, t topic) bool {
	return t.events && t.object != "" && s.schema.CanRead(user, t.object, "")
}

// sees tells whether the user gets events of the object on the topic, as permissions are now.
func (s *Server) sees(user string, t topic, object string) bool {
	return s.canSubscribe(user, topic{events: t.events, object: object})
}

// members are the selections of one entity, by channel.
func (s *Server) members(object string) []changefeed.Member {
	var out []changefeed.Member
	for _, member := range s.schema.Members() {
		if member.Object == object {
			out = append(out, member)
		}
	}
	return out
}

// changeEventName is the name of the event of an object: AccountChangeEvent, Order__ChangeEvent.
func changeEventName(object string) string {
	if stem, ok := strings.CutSuffix(object, "__c"); ok {
		return stem + "__ChangeEvent"
	}
	return object + "ChangeEvent"
}
