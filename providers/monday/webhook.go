package monday

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

const (
	maxWebhookBody = 1 << 20
	maxChallenge   = 1024
	// clockSkew is how far the vendor's clock and ours may be apart. Its tokens live for five minutes.
	clockSkew = time.Minute
)

// receive answers one call of the vendor. Statuses other than 200 make it call again, once a minute for 30 minutes.
func (p *Provider) receive(w http.ResponseWriter, r *http.Request) {
	if p.webhookURL == nil || r.Method != http.MethodPost {
		http.Error(w, "webhooks are posted here", http.StatusMethodNotAllowed)
		return
	}
	if q := p.webhookURL.RawQuery; q != "" && subtle.ConstantTimeCompare([]byte(q), []byte(r.URL.RawQuery)) != 1 {
		http.Error(w, "not the address that was given out", http.StatusUnauthorized)
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Header.Get("Content-Type") != "" && (err != nil || t != "application/json") {
		http.Error(w, "webhooks are JSON", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhookBody))
	if err != nil {
		http.Error(w, "the body is too large, or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	if err := p.authenticate(r); err != nil {
		// Only a challenge may come unsigned: it is asked before there is a webhook that could be signed, carries
		// nothing that we would act on, and must be answered for apply to make one.
		if !answerChallenge(w, body) {
			p.log.Warn("a webhook was refused", "error", err)
			http.Error(w, "the webhook is not signed as it should be", http.StatusUnauthorized)
		}
		return
	}
	if answerChallenge(w, body) {
		return
	}
	e, err := parseEvent(body)
	if err != nil {
		http.Error(w, "the body is no webhook", http.StatusBadRequest)
		return
	}
	p.hand(w, r, e)
}

// hand gives an event to whoever watches.
func (p *Provider) hand(w http.ResponseWriter, r *http.Request, e *event) {
	watcher := p.watching()
	if watcher == nil {
		http.Error(w, "nobody is watching: call again", http.StatusServiceUnavailable)
		return
	}
	changes := e.changes(watcher.objects[string(e.BoardID)])
	if len(changes) == 0 {
		w.WriteHeader(http.StatusOK) // of a board or a kind that no object of the contract is about
		return
	}
	if err := watcher.emit(r.Context(), changes, provider.Cursor{}); err != nil {
		p.log.Error("a webhook could not be taken in: monday.com will call again", "board", string(e.BoardID), "event", e.Type, "error", err)
		http.Error(w, "the change could not be taken in: call again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// answerChallenge answers the handshake that comes before a webhook is made (Webhooks): the same JSON back.
func answerChallenge(w http.ResponseWriter, body []byte) bool {
	if len(body) > 2*maxChallenge {
		return false
	}
	var c struct {
		Challenge *string         `json:"challenge"`
		Event     json.RawMessage `json:"event"`
	}
	if json.Unmarshal(body, &c) != nil || c.Challenge == nil || c.Event != nil || len(*c.Challenge) > maxChallenge {
		return false
	}
	answer, err := json.Marshal(map[string]string{"challenge": *c.Challenge})
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(answer) // a caller who left does not need the answer
	return true
}

// authenticate verifies the token that the vendor signs with the app's signing secret. Without a secret there is
// nothing to verify, and the address alone keeps strangers out.
func (p *Provider) authenticate(r *http.Request) error {
	if p.secret == nil {
		return nil
	}
	secret, err := p.secret(r.Context())
	if err != nil {
		return errors.New("the signing secret can't be read")
	}
	if secret == "" {
		return errors.New("the signing secret is empty")
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return verify(token, []byte(secret), p.webhookURL.String(), p.clock())
}

// verify checks a JSON Web Token: HMAC with SHA-256 and nothing else, made for us, and not expired.
func verify(token string, secret []byte, audience string, now time.Time) error {
	parts := strings.Split(token, ".")
	if len(token) > 16<<10 || len(parts) != 3 {
		return errors.New("no token")
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := decodePart(parts[0], &header); err != nil || header.Algorithm != "HS256" {
		return errors.New("the token is not signed with HS256")
	}
	given, err := base64.RawURLEncoding.DecodeString(parts[2])
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return errors.New("the token's signature is wrong")
	}
	var claims struct {
		Audience json.RawMessage `json:"aud"`
		Expires  float64         `json:"exp"`
		Issued   float64         `json:"iat"`
	}
	if err := decodePart(parts[1], &claims); err != nil {
		return errors.New("the token can't be read")
	}
	at := float64(now.UnixMilli()) / 1000
	skew := clockSkew.Seconds()
	if claims.Expires <= 0 || claims.Expires < at-skew {
		return errors.New("the token has expired")
	}
	if claims.Issued > at+skew {
		return errors.New("the token is from the future")
	}
	if !slices.Contains(audiences(claims.Audience), audience) {
		return errors.New("the token is for another address")
	}
	return nil
}

func decodePart(part string, v any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("decode a part of the token: %w", err)
	}
	return json.Unmarshal(b, v)
}

func audiences(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	return nil
}

// event is the part of a webhook's body that says where to look. What changed is read from the board: payloads are
// thin, in older spellings, and may arrive late, twice or out of order.
type event struct {
	Type         string  `json:"type"`
	TriggerTime  string  `json:"triggerTime"`
	ChangedAt    float64 `json:"changedAt"` // seconds
	UserID       id      `json:"userId"`
	BoardID      id      `json:"boardId"`
	PulseID      id      `json:"pulseId"`
	ItemID       id      `json:"itemId"`
	ParentItemID id      `json:"parentItemId"`
	TriggerUUID  string  `json:"triggerUuid"` // the same when it is delivered again
}

func parseEvent(body []byte) (*event, error) {
	var b struct {
		Event *event `json:"event"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("read a webhook: %w", err)
	}
	if b.Event == nil || b.Event.Type == "" {
		return nil, errors.New("read a webhook: it names no event")
	}
	return b.Event, nil
}

func (e *event) item() string {
	if e.PulseID != "" {
		return string(e.PulseID)
	}
	return string(e.ItemID)
}

// version is when it happened, on the vendor's clock.
func (e *event) version() record.Version {
	if e.ChangedAt > 0 && e.ChangedAt < math.MaxInt32*2 {
		return record.Version(e.ChangedAt * 1000)
	}
	t, _ := parseTime(e.TriggerTime)
	return record.VersionAt(t)
}

// name tells one event from others, for people.
func (e *event) name() string { return strings.TrimSpace("webhook " + e.Type + " " + e.TriggerUUID) }

// changes is one hint for each object that lives on the event's board.
func (e *event) changes(objects []string) []record.Change {
	if !isID(e.item()) || e.ParentItemID != "" && e.ParentItemID != "0" {
		return nil // of the board itself, or of a subitem
	}
	rec := record.Record{ID: e.item(), Version: e.version(), Actor: actor(string(e.UserID))}
	switch e.Type {
	case "archive_pulse":
		rec.State = record.Archived
	case "delete_pulse":
		rec.State = record.Deleted
	}
	list := make([]record.Change, 0, len(objects))
	for _, o := range objects {
		list = append(list, record.Change{Object: o, Record: rec, Partial: true, Event: e.name()})
	}
	return list
}
