package salesforceemulator

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// Reset starts the org again: as it was loaded, with counters, faults, sessions and limits at their beginnings.
func (e *Emulator) Reset() error {
	e.ClearFaults()
	e.locators.clear()
	e.bulk.clear()
	e.limits.reset()
	if err := e.start(); err != nil {
		return err
	}
	e.ResetCounters()
	return nil
}

// Advance moves the emulated time forward.
func (e *Emulator) Advance(d time.Duration) { e.clock.Advance(d) }

// ExpireSessions ends all sessions but that of the options' AccessToken.
func (e *Emulator) ExpireSessions() {
	_, a := e.core()
	a.expire("")
}

// LockRecord makes saves of the record and of its children fail with UNABLE_TO_LOCK_ROW for d of emulated time.
func (e *Emulator) LockRecord(id string, d time.Duration) {
	o, _ := e.core()
	o.Lock(id, e.clock.Now().Add(d))
}

// UseCalls makes it look as if that many API calls had been made in the last 24 hours.
func (e *Emulator) UseCalls(n int) { e.limits.setUsed(n) }

// Admin serves what no vendor has: counters, faults, the clock, and changes made as a person. It checks no credentials.
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.Counters()) })
	mux.HandleFunc("GET /loaded", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.Loaded()) })
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.Users()) })
	mux.HandleFunc("POST /counters/reset", done(func() error { e.ResetCounters(); return nil }))
	mux.HandleFunc("POST /reset", done(e.Reset))
	mux.HandleFunc("POST /save", done(e.Save))
	mux.HandleFunc("POST /sessions/expire", done(func() error { e.ExpireSessions(); return nil }))
	mux.HandleFunc("DELETE /faults", done(func() error { e.ClearFaults(); return nil }))
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.Faults()) })
	mux.HandleFunc("POST /faults", take0(e.script))
	mux.HandleFunc("POST /events/announce", take0(func(in struct {
		Object, Kind string
		IDs          []string
	}) error {
		return e.events.Announce(in.Object, in.Kind, in.IDs...)
	}))
	mux.HandleFunc("POST /events/drop", take0(func(in struct{ Topic string }) error { e.events.DropStreams(in.Topic); return nil }))
	mux.HandleFunc("POST /clock", take0(func(in struct{ Advance string }) error {
		d, err := time.ParseDuration(in.Advance)
		if err != nil {
			return fmt.Errorf("moving the clock: %w", err)
		}
		e.Advance(d)
		return nil
	}))
	mux.HandleFunc("POST /limits", take0(func(in struct{ Used int }) error { e.UseCalls(in.Used); return nil }))
	mux.HandleFunc("POST /lock", take0(func(in struct {
		ID      string
		Seconds int
	}) error {
		e.LockRecord(in.ID, time.Duration(in.Seconds)*time.Second)
		return nil
	}))
	mux.HandleFunc("POST /automations", take0(func(list []Automation) error { e.SetAutomations(list...); return nil }))
	mux.HandleFunc("POST /currencies", take0(func(list []Currency) error { return e.EnableCurrencies(list...) }))
	mux.HandleFunc("POST /duplicate-rules", take0(func(list []DuplicateRule) error { return e.SetDuplicateRules(list...) }))
	mux.HandleFunc("POST /validation-rules", take0(func(in struct {
		Object string
		Rules  []ValidationRule
	}) error {
		return e.SetValidationRules(in.Object, in.Rules...)
	}))
	mux.HandleFunc("POST /cdc", take0(func(in struct{ Objects []string }) error { return e.SelectForChangeEvents(in.Objects...) }))
	mux.HandleFunc("POST /jwt-keys", take0(e.addKey))
	mux.HandleFunc("POST /records", e.adminRecord)
	mux.HandleFunc("POST /query", e.adminQuery)
	return mux
}

// script adds one fault, or a list of them.
func (e *Emulator) script(raw json.RawMessage) error {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '[' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var list []Fault
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for _, f := range list {
		if err := e.Inject(f); err != nil {
			return err
		}
	}
	return nil
}

type jwtKey struct {
	ConsumerKey string `json:"consumer_key"`
	PEM         string `json:"pem"`
}

// addKey registers a public key or certificate in PEM.
func (e *Emulator) addKey(in jwtKey) error {
	block, _ := pem.Decode([]byte(in.PEM))
	if block == nil || in.ConsumerKey == "" {
		return fmt.Errorf("registering a key: want consumer_key and a PEM of a certificate or public key")
	}
	var parsed any
	var err error
	if block.Type == "CERTIFICATE" {
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			parsed = cert.PublicKey
		}
	} else {
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return fmt.Errorf("registering a key: %w", err)
	}
	key, err := rsaKey(parsed)
	if err != nil {
		return err
	}
	e.RegisterJWTKey(in.ConsumerKey, key)
	return nil
}

func rsaKey(parsed any) (*rsa.PublicKey, error) {
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("registering a key: RS256 needs an RSA key, not %T", parsed)
	}
	return key, nil
}

func done(f func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := f(); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// take0 reads the body into f's argument and answers nothing but success or an error.
func take0[T any](f func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if !adminBody(w, r, &in) {
			return
		}
		done(func() error { return f(in) })(w, r)
	}
}

func adminBody(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "reading the body: " + err.Error()})
		return false
	}
	return true
}

// adminRecord changes a record as a person: {"user","do":"insert|update|delete|undelete|hard_delete|merge","object","id","losers","fields"}.
func (e *Emulator) adminRecord(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User, Do, Object, ID string
		Losers               []string
		Fields               Fields
	}
	if !adminBody(w, r, &in) {
		return
	}
	user := ""
	if in.User != "" {
		u, ok := e.FindUser(in.User)
		if !ok {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "there is no user " + in.User})
			return
		}
		user = u.ID
	}
	id, err := in.ID, error(nil)
	switch in.Do {
	case "insert":
		id, err = e.Insert(user, in.Object, in.Fields)
	case "update":
		err = e.Update(user, in.Object, in.ID, in.Fields)
	case "delete":
		err = e.Delete(user, in.Object, in.ID)
	case "undelete":
		err = e.Undelete(user, in.ID)
	case "hard_delete":
		err = e.HardDelete(user, in.Object, in.ID)
	case "merge":
		err = e.Merge(user, in.Object, in.ID, in.Losers, in.Fields)
	default:
		err = fmt.Errorf("cannot do %q: insert, update, delete, undelete, hard_delete or merge", in.Do)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"id": id})
}

func (e *Emulator) adminQuery(w http.ResponseWriter, r *http.Request) {
	var in struct{ SOQL string }
	if !adminBody(w, r, &in) {
		return
	}
	o, _ := e.core()
	tx := o.View(org.Caller{System: true, UserID: o.Admin()})
	defer tx.Commit()
	res, err := tx.Query(in.SOQL, base(versions[len(versions)-1].number), org.QueryOptions{Tooling: true})
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"totalSize": res.Size, "records": res.Page(tx, 0, res.Len())})
}
