package salesforceemulator

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// Fields are the values of a record by API name.
type Fields = map[string]any

// The methods of this file work on the org directly: they are not calls, count nowhere and need no permission.

// DefineObject adds a custom object (X__c) or platform event (X__e). Where it exists already, nothing happens.
func (e *Emulator) DefineObject(name, label, plural string) error {
	return e.direct("", func(tx *org.Tx) error {
		if _, err := tx.DefineObject(name, label, plural); err != nil {
			return err
		}
		return tx.GrantToProfiles(name)
	})
}

// DefineField adds a custom field from the JSON of its Tooling Metadata, such as {"type":"Text","label":"Key","length":64}.
// With visible, everybody with a full profile may read and edit it; else nobody may, as after a deployment.
func (e *Emulator) DefineField(object, name, metadataJSON string, visible bool) error {
	m, err := metadata.ParseFieldMetadata(json.RawMessage(metadataJSON))
	if err != nil {
		return fmt.Errorf("defining %s.%s: %w", object, name, err)
	}
	return e.direct("", func(tx *org.Tx) error {
		if _, err := tx.DefineField(object, name, m); err != nil {
			return fmt.Errorf("defining %s.%s: %w", object, name, err)
		}
		if visible {
			return tx.GrantToProfiles(object)
		}
		return nil
	})
}

// AddUser makes an active user; empty profile is Standard User, empty zone America/Los_Angeles. It gives the id.
func (e *Emulator) AddUser(username, first, last, profile, zone string) (string, error) {
	o, _ := e.core()
	return o.AddUser(username, first, last, profile, zone)
}

// direct runs f in a transaction as the user (empty is the administrator), as a person in the browser.
func (e *Emulator) direct(userID string, f func(tx *org.Tx) error) error {
	o, _ := e.core()
	if userID == "" {
		userID = o.Admin()
	}
	tx := o.Begin(org.Caller{UserID: userID, System: true, Origin: "com/salesforce/api/soap/" + versions[len(versions)-1].number + ";client=SfdcInternalAPI/"})
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	tx.Commit()
	return nil
}

// fail turns the org's error into an ordinary one: a nil *org.Error must not become a non-nil error.
func fail(err *org.Error) error {
	if err == nil {
		return nil
	}
	return err
}

// Insert creates a record as a person would: the save rules apply, permissions do not. An empty user is the administrator.
// It gives the id.
func (e *Emulator) Insert(userID, object string, in Fields) (id string, err error) {
	err = e.direct(userID, func(tx *org.Tx) error {
		var oerr *org.Error
		id, oerr = tx.Insert(object, in)
		return fail(oerr)
	})
	return id, err
}

// Update changes a record as a person would.
func (e *Emulator) Update(userID, object, id string, in Fields) error {
	return e.direct(userID, func(tx *org.Tx) error { return fail(tx.Update(object, id, in)) })
}

// Delete puts a record into the recycle bin as a person would.
func (e *Emulator) Delete(userID, object, id string) error {
	return e.direct(userID, func(tx *org.Tx) error { return fail(tx.Delete(object, id)) })
}

// HardDelete removes a record past the recycle bin: no event tells of it.
func (e *Emulator) HardDelete(userID, object, id string) error {
	return e.direct(userID, func(tx *org.Tx) error { return fail(tx.HardDelete(object, id)) })
}

// Undelete takes a record out of the recycle bin, which REST cannot do.
func (e *Emulator) Undelete(userID, id string) error {
	return e.direct(userID, func(tx *org.Tx) error { return fail(tx.Undelete(id)) })
}

// Merge folds losers into a master record, which REST cannot do.
func (e *Emulator) Merge(userID, object, master string, losers []string, in Fields) error {
	return e.direct(userID, func(tx *org.Tx) error { return fail(tx.Merge(object, master, losers, in)) })
}

// Record reads a record, deleted or not, whatever anybody may see of it. Null fields are absent; numbers are json.Number.
func (e *Emulator) Record(object, id string) (Fields, bool) {
	o, _ := e.core()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	return tx.Values(object, id)
}

// Query runs SOQL with all rights and gives the records as decoded JSON.
func (e *Emulator) Query(soql string) ([]Fields, error) {
	o, _ := e.core()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	res, oerr := tx.Query(soql, base(versions[len(versions)-1].number), org.QueryOptions{})
	if oerr != nil {
		return nil, oerr
	}
	raw, err := json.Marshal(res.Page(tx, 0, res.Len()))
	if err != nil {
		return nil, fmt.Errorf("reading the records of a query: %w", err)
	}
	var out []Fields
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("reading the records of a query: %w", err)
	}
	return out, nil
}

// Count is the number of live records of an object.
func (e *Emulator) Count(object string) int {
	o, _ := e.core()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	return tx.Count(object)
}

// SelectForChangeEvents puts objects on the ChangeEvents channel, as Setup does.
func (e *Emulator) SelectForChangeEvents(objects ...string) error {
	for _, name := range objects {
		err := e.direct("", func(tx *org.Tx) error {
			entity := changeEventName(tx.Canonical(name))
			_, oerr := tx.AddMember("ChangeEvents_"+entity, org.MemberMetadata{EventChannel: "ChangeEvents", SelectedEntity: entity})
			return fail(oerr)
		})
		var oerr *org.Error
		if errors.As(err, &oerr) && oerr.Code == "DUPLICATE_VALUE" {
			continue
		}
		if err != nil {
			return fmt.Errorf("selecting %s for change events: %w", name, err)
		}
	}
	return nil
}

func changeEventName(object string) string {
	if n := len(object) - len("__c"); n > 0 && object[n:] == "__c" {
		return object[:n] + "__ChangeEvent"
	}
	return object + "ChangeEvent"
}

// Currency is one of the currencies of an org that has several.
type Currency = org.Currency

// EnableCurrencies gives the org several currencies, one of which is the corporate one: each record has one from now on.
func (e *Emulator) EnableCurrencies(list ...Currency) error {
	return e.direct("", func(tx *org.Tx) error { return tx.EnableCurrencies(list) })
}

// AddRecordType makes a record type that allows only the given values of restricted picklists. It gives the id.
func (e *Emulator) AddRecordType(object, developerName, label string, picklists map[string][]string) (id string, err error) {
	err = e.direct("", func(tx *org.Tx) error {
		id, err = tx.AddRecordType(object, developerName, label, picklists)
		return err
	})
	return id, err
}

// ValidationRule refuses saves where its condition (a formula) is true.
type ValidationRule = metadata.ValidationRule

// SetValidationRules replaces an object's validation rules. A formula outside the understood subset is an error.
func (e *Emulator) SetValidationRules(object string, rules ...ValidationRule) error {
	o, _ := e.core()
	return o.SetRules(object, rules)
}

// Automation is a record-triggered flow: where a field changes, other fields are set before the save.
type Automation = org.Automation

// SetAutomations replaces all automations.
func (e *Emulator) SetAutomations(list ...Automation) {
	o, _ := e.core()
	o.SetAutomations(list)
}

// RegisterJWTKey lets an app use the JWT bearer flow.
func (e *Emulator) RegisterJWTKey(consumerKey string, key *rsa.PublicKey) {
	_, a := e.core()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[consumerKey] = key
}

// Token mints an access token for a user, by username, e-mail or name.
func (e *Emulator) Token(user string) (string, error) {
	u, ok := e.FindUser(user)
	if !ok {
		return "", fmt.Errorf("minting a token: there is no user %s", user)
	}
	_, a := e.core()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mint(u.ID, e.opts.ClientID), nil
}

// DuplicateRule refuses saves of records that equal another in some fields.
type DuplicateRule = org.DuplicateRule

// SetDuplicateRules replaces all duplicate rules.
func (e *Emulator) SetDuplicateRules(rules ...DuplicateRule) error {
	o, _ := e.core()
	return o.SetDuplicateRules(rules)
}
