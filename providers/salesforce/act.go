package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"accord/engine/provider"
	"accord/engine/record"
)

var _ provider.Actor = (*Provider)(nil)

// OccurrenceField is a text field of 36 characters that whoever wants it gives to an sObject or a platform event: actions
// then write into it what makes them one of a kind. A record is found by it after a try of unknown outcome, and a
// subscriber of an event can drop a double.
const OccurrenceField = "Accord_Occurrence__c"

const (
	// stillAtWork is how long the org may be at work on a request that we lost sight of.
	stillAtWork = 2 * time.Minute
	// shapeLife is how long a describe is used for actions again.
	shapeLife = 5 * time.Minute
)

// actionShape is a describe with its time.
type actionShape struct {
	object *objectDescribe
	at     time.Time
}

// Act carries out an action of a trigger:
//
//	salesforce_create   creates a record of sobject, fields by API name
//	salesforce_publish  publishes a platform event, fields by API name
//
// The org knows no idempotency keys. A create whose outcome is unknown is looked up before it is repeated: by
// OccurrenceField where the sObject has it, else among the records that our own user created since the action was first
// sent, by all that was written and can be filtered by (long texts can't). That none is there is believed once the org
// can no longer be at work on it. A platform event can't be looked up: one of unknown outcome is published again, and
// OccurrenceField tells subscribers that it is the same one.
func (p *Provider) Act(ctx context.Context, a provider.Action) (provider.ActionResult, error) {
	switch a.Type {
	case "salesforce_create":
		return p.createFor(ctx, a, a.Settings["sobject"], false)
	case "salesforce_publish":
		return p.createFor(ctx, a, a.Settings["event"], true)
	default:
		return provider.ActionResult{}, invalid("act in Salesforce", fmt.Sprintf("there is no action %q", a.Type))
	}
}

func (p *Provider) createFor(ctx context.Context, a provider.Action, name string, event bool) (provider.ActionResult, error) {
	doing := "create a record of " + name
	if event {
		doing = "publish " + name
	}
	if isEvent := strings.HasSuffix(strings.ToLower(name), "__e"); isEvent != event {
		return provider.ActionResult{}, invalid(doing, "platform events end in __e and are published; everything else is created")
	}
	shape, err := p.shapeFor(ctx, name, doing)
	if err != nil {
		return provider.ActionResult{Looked: true}, err
	}
	body, conditions, err := actionBody(shape, a, doing)
	if err != nil {
		return provider.ActionResult{Looked: true}, err
	}
	if !a.Sent.IsZero() && !event {
		if found, err := p.findMade(ctx, shape, a, conditions, doing); err != nil || found != "" {
			return provider.ActionResult{ID: found, Found: found != "", Looked: true}, err
		}
	}
	var made created
	err = p.client.do(ctx, request{op: "POST sobjects/" + shape.Name, doing: doing, method: http.MethodPost, path: "/sobjects/" + shape.Name,
		body: body, write: true, rows: 1}, &made)
	if err != nil {
		return provider.ActionResult{}, err
	}
	if e := made.refused(doing); e != nil {
		return provider.ActionResult{}, e
	}
	if event {
		for _, e := range made.Errors { // a success, whose only entry names the event
			return provider.ActionResult{ID: e.Message}, nil
		}
	}
	return provider.ActionResult{ID: made.ID}, nil
}

// shapeFor describes what an action creates.
func (p *Provider) shapeFor(ctx context.Context, name, doing string) (*objectDescribe, error) {
	p.mu.Lock()
	known, ok := p.shapes[name]
	p.mu.Unlock()
	if ok && p.config.Clock().Sub(known.at) < shapeLife {
		return known.object, nil
	}
	o, err := p.client.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, &provider.Error{Kind: provider.Denied, Op: doing, Message: "the org shows our user no " + name + ": it does not exist, or needs to be granted"}
	}
	p.mu.Lock()
	p.shapes[name] = actionShape{o, p.config.Clock()}
	p.mu.Unlock()
	return o, nil
}

// actionBody is the new row, and the conditions by which it can be found again.
func actionBody(o *objectDescribe, a provider.Action, doing string) (body object, conditions []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		f, ok := o.field(name)
		switch {
		case !ok:
			return nil, nil, invalid(doing, o.Name+" has no such field, or our user is not shown it", name)
		case !f.Createable:
			return nil, nil, invalid(doing, "the field can't be written by our user", name)
		case strings.TrimSpace(a.Fields[name]) == "":
			continue
		}
		value, literal, err := actionValue(f, a.Fields[name])
		if err != nil {
			return nil, nil, &provider.Error{Kind: provider.Invalid, Op: doing, Fields: []string{name}, Message: err.Error()}
		}
		body = append(body, member{f.Name, value})
		if f.Filterable && literal != "" {
			conditions = append(conditions, f.Name+" = "+literal)
		}
	}
	if f, ok := o.field(OccurrenceField); ok && f.Createable && a.Key != "" {
		body = append(body, member{f.Name, a.Key})
		if f.Filterable {
			conditions = []string{f.Name + " = " + quote(a.Key)}
		}
	}
	if body == nil {
		body = object{}
	}
	return body, conditions, nil
}

// actionValue reads the text of a template as what the field takes, and as a literal of SOQL; "" where it can't be
// compared.
func actionValue(f fieldDescribe, text string) (value any, literal string, err error) {
	if !utf8.ValidString(text) {
		return nil, "", fmt.Errorf("%s can't hold text that is not valid UTF-8", f.Name)
	}
	short := strings.TrimSpace(text)
	switch f.Type {
	case "boolean":
		b, err := strconv.ParseBool(strings.ToLower(short))
		if err != nil {
			return nil, "", fmt.Errorf("%s is a checkbox, and takes true or false", f.Name)
		}
		return b, strconv.FormatBool(b), nil
	case "int", "long", "double", "currency", "percent":
		n, err := record.OfDecimal(short)
		if err != nil {
			return nil, "", fmt.Errorf("%s is a %s, and takes a number", f.Name, f.Type)
		}
		return json.Number(n.Part(0)), n.Part(0), nil
	case "date":
		if t, err := time.Parse(time.RFC3339Nano, short); err == nil {
			short = t.UTC().Format(time.DateOnly)
		}
		if _, err := record.OfDate(short); err != nil {
			return nil, "", fmt.Errorf("%s is a date, and takes YYYY-MM-DD", f.Name)
		}
		return short, short, nil
	case "datetime":
		t, err := time.Parse(time.RFC3339Nano, short)
		if err != nil {
			if t, err = time.Parse(time.DateOnly, short); err != nil {
				return nil, "", fmt.Errorf("%s is a datetime, and takes an RFC 3339 time", f.Name)
			}
		}
		moment := t.UTC().Format("2006-01-02T15:04:05.000Z")
		return moment, "", nil // the org keeps whole seconds of some: not worth comparing
	case "multipicklist":
		return short, "", nil // it is compared by INCLUDES
	case "reference", "id", "picklist", "email", "url", "phone", "combobox":
		return short, quote(short), nil
	default:
		return text, quote(short), nil // the org trims what it keeps
	}
}

// findMade looks for what an action of unknown outcome may have created.
func (p *Provider) findMade(ctx context.Context, o *objectDescribe, a provider.Action, conditions []string, doing string) (string, error) {
	_, user, err := p.client.identity(ctx)
	if err != nil {
		return "", err
	}
	// A couple of seconds for what the clocks' comparison can't tell: Date has whole seconds, and travels.
	since := a.Sent.Add(time.Duration(p.client.skew.Load())*time.Millisecond - 2*time.Second).Truncate(time.Second)
	conditions = append(slices.Clone(conditions), "CreatedById = "+quote(user), "CreatedDate >= "+moment(record.VersionAt(since)))
	rows, err := p.client.all(ctx, statement{
		soql:  "SELECT Id FROM " + o.Name + where(and(conditions...)) + " ORDER BY CreatedDate, Id LIMIT 1",
		doing: "look for what was created before: " + doing,
	})
	if err != nil {
		// Whether it was carried out is still not known, whatever kept us from finding out.
		e := *asError(err, doing)
		if e.Kind == provider.Transient || e.Kind == provider.Locked {
			e.Kind = provider.Unknown
		}
		return "", &e
	}
	if len(rows) > 0 {
		return rows[0].text("Id"), nil
	}
	if age := p.config.Clock().Sub(a.Tried); age < stillAtWork {
		return "", &provider.Error{Kind: provider.Unknown, Op: doing, RetryAfter: stillAtWork - age,
			Message: "an earlier try was not answered, and the org may still be at work on it"}
	}
	return "", nil
}
