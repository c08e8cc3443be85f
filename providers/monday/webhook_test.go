package monday

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accord/engine/provider"
	"accord/engine/record"
)

const hookURL = "https://sync.acme.example/hooks/monday"

func jwt(secret string, header, claims string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(part(header) + "." + part(claims)))
	return part(header) + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var hookNow = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func claims(audience string, expires time.Duration) string {
	return fmt.Sprintf(`{"accountId":1,"userId":77,"aud":%q,"exp":%d,"iat":%d}`, audience, hookNow.Add(expires).Unix(), hookNow.Unix())
}

const (
	hs256     = `{"alg":"HS256","typ":"JWT"}`
	itemEvent = `{"event":{"type":"update_column_value","triggerTime":"2026-11-23T08:59:59.500Z","changedAt":1795424399.25,"userId":77,"boardId":12,"pulseId":501,"columnId":"my_text"}}`
)

// receiver is a provider whose Watch runs with the given emit.
func receiver(t *testing.T, emit provider.Emit, change func(*Config)) *Provider {
	t.Helper()
	p := newProvider(t, "http://127.0.0.1:1", func(c *Config) {
		c.WebhookURL, c.SigningSecret, c.Clock = hookURL, plainSecret("s3cret"), func() time.Time { return hookNow }
		if change != nil {
			change(c)
		}
	})
	if emit == nil {
		return p
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	b := dealBinding(t, p)
	go func() { done <- p.Watch(ctx, []provider.Binding{b}, nil, emit) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
	})
	for p.watching() == nil {
		time.Sleep(time.Millisecond)
	}
	return p
}

func post(p *Provider, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}

func TestReceive(t *testing.T) {
	good := jwt("s3cret", hs256, claims(hookURL, 5*time.Minute))
	tests := []struct {
		name        string
		token, body string
		status      int
		emitted     bool
	}{
		{"signed", good, itemEvent, 200, true},
		{"signed, with scheme", "Bearer " + good, itemEvent, 200, true},
		{"audience in a list", jwt("s3cret", hs256, fmt.Sprintf(`{"aud":[%q],"exp":%d}`, hookURL, hookNow.Unix()+60)), itemEvent, 200, true},
		{"unsigned", "", itemEvent, 401, false},
		{"another secret", jwt("other", hs256, claims(hookURL, time.Minute)), itemEvent, 401, false},
		{"no algorithm", strings.TrimSuffix(jwt("s3cret", `{"alg":"none"}`, claims(hookURL, time.Minute)), "."), itemEvent, 401, false},
		{"another algorithm", jwt("s3cret", `{"alg":"HS512"}`, claims(hookURL, time.Minute)), itemEvent, 401, false},
		{"expired", jwt("s3cret", hs256, claims(hookURL, -2*time.Minute)), itemEvent, 401, false},
		{"expired by less than clocks differ", jwt("s3cret", hs256, claims(hookURL, -30*time.Second)), itemEvent, 200, true},
		{"without expiry", jwt("s3cret", hs256, `{"aud":"`+hookURL+`"}`), itemEvent, 401, false},
		{"for somebody else", jwt("s3cret", hs256, claims("https://evil.example/", time.Minute)), itemEvent, 401, false},
		{"garbage token", "a.b.c", itemEvent, 401, false},
		{"unsigned challenge", "", `{"challenge":"abc"}`, 200, false},
		{"signed challenge", good, `{"challenge":"abc"}`, 200, false},
		{"challenge with an event", "", `{"challenge":"abc","event":{}}`, 401, false},
		{"huge challenge", "", `{"challenge":"` + strings.Repeat("a", 5000) + `"}`, 401, false},
		{"not JSON", good, `{"event":`, 400, false},
		{"no event", good, `{}`, 400, false},
		{"other board", good, `{"event":{"type":"update_name","boardId":99,"pulseId":501}}`, 200, false},
		{"subitem", good, `{"event":{"type":"update_name","boardId":12,"pulseId":501,"parentItemId":"7"}}`, 200, false},
		{"event of the board", good, `{"event":{"type":"create_column","boardId":12}}`, 200, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []record.Change
			p := receiver(t, func(_ context.Context, list []record.Change, _ provider.Cursor) error {
				got = append(got, list...)
				return nil
			}, nil)
			w := post(p, hookURL, test.token, test.body)
			if w.Code != test.status || (len(got) > 0) != test.emitted {
				t.Errorf("status %d, %d changes; want %d, %v", w.Code, len(got), test.status, test.emitted)
			}
			if strings.Contains(test.body, `"abc"}`) && strings.TrimSpace(w.Body.String()) != `{"challenge":"abc"}` {
				t.Errorf("answered %q", w.Body)
			}
			if test.emitted {
				c := got[0]
				if c.Object != "deal" || c.Record.ID != "501" || c.Record.Actor != "77" || c.Record.Version != 1795424399250 || !c.Partial {
					t.Errorf("change = %+v", c)
				}
			}
		})
	}
}

func TestReceiveIsSafeOnlyOnceEmitted(t *testing.T) {
	good := jwt("s3cret", hs256, claims(hookURL, time.Minute))
	if w := post(receiver(t, nil, nil), hookURL, good, itemEvent); w.Code != 503 {
		t.Errorf("without Watch: %d, want 503", w.Code)
	}
	p := receiver(t, func(context.Context, []record.Change, provider.Cursor) error { return errors.New("disk full") }, nil)
	if w := post(p, hookURL, good, itemEvent); w.Code != 503 || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("emit went wrong: %d %q, want 503 and no inner error", w.Code, w.Body)
	}
	if w := post(p, hookURL, good, `{"x":"`+strings.Repeat("a", maxWebhookBody)+`"}`); w.Code != 413 {
		t.Errorf("a huge body: %d, want 413", w.Code)
	}
}

func TestUnsignedMode(t *testing.T) {
	emitted := 0
	p := receiver(t, func(context.Context, []record.Change, provider.Cursor) error { emitted++; return nil }, func(c *Config) {
		c.SigningSecret, c.WebhookURL = nil, hookURL+"?key=unguessable"
	})
	if p.Path() != "/hooks/monday" {
		t.Errorf("path = %q", p.Path())
	}
	if w := post(p, hookURL+"?key=unguessable", "", itemEvent); w.Code != 200 || emitted != 1 {
		t.Errorf("with the query: %d, %d emitted", w.Code, emitted)
	}
	if w := post(p, hookURL+"?key=wrong", "", itemEvent); w.Code != 401 || emitted != 1 {
		t.Errorf("without it: %d, %d emitted", w.Code, emitted)
	}
	if strings.Contains(p.webhookAddress(), "unguessable") || strings.Contains(p.webhookAddress(), "hooks") {
		t.Errorf("plans show the address: %s", p.webhookAddress())
	}
}

// TestRecordedEvents reads events as the vendor sent them.
func TestRecordedEvents(t *testing.T) {
	const file = "../../../shared/reference/fixtures/monday/webhook-events-recorded-2025-02.json"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skip("the recorded events are not beside the repository: ", file)
	}
	var events map[string]json.RawMessage
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatal(err)
	}
	want := map[string]record.Change{
		"change_name":                       {Record: record.Record{ID: "7786784003", Actor: "67214742", Version: 1738771840628}},
		"create_item":                       {Record: record.Record{ID: "8409778368", Actor: "67214742", Version: 1738772882630}},
		"item_archived":                     {Record: record.Record{ID: "8409778368", Actor: "67214742", Version: 1738773674158, State: record.Archived}},
		"item_deleted":                      {Record: record.Record{ID: "8409778368", Actor: "67214742", Version: 1738773755957, State: record.Deleted}},
		"item_restored":                     {Record: record.Record{ID: "8409778368", Actor: "67214742", Version: 1738773676656}},
		"item_moved_to_any_group":           {Record: record.Record{ID: "7786784190", Actor: "67214742", Version: 1738776861803}},
		"change_column_value__status":       {Record: record.Record{ID: "7786784079", Actor: "67214742"}},
		"create_subitem":                    {},
		"subitem_deleted":                   {},
		"create_column":                     {},
		"change_subitem_name":               {},
		"move_subitem":                      {},
		"change_subitem_column_value__date": {},
	}
	for name, c := range want {
		e, err := parseEvent(events[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := e.changes([]string{"deal"})
		if c.Record.ID == "" {
			if len(got) != 0 {
				t.Errorf("%s gave %+v", name, got)
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s gave %+v", name, got)
			continue
		}
		r := got[0].Record
		if r.ID != c.Record.ID || r.Actor != c.Record.Actor || r.State != c.Record.State || c.Record.Version != 0 && r.Version != c.Record.Version || r.Version == 0 {
			t.Errorf("%s gave %+v, want %+v", name, r, c.Record)
		}
	}
}

func TestWatchTwice(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := newProvider(t, "http://127.0.0.1:1", nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Watch(ctx, nil, nil, nil) }()
	for p.watching() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := p.Watch(ctx, nil, nil, nil); provider.KindOf(err) != provider.Invalid {
		t.Errorf("a second Watch: %v", err)
	}
	cancel()
	<-done
	if p.watching() != nil {
		t.Error("still watching")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(itemEvent)
	f.Add(`{"event":{"type":"x","boardId":1e400,"changedAt":1e308,"pulseId":null}}`)
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, body string) {
		e, err := parseEvent([]byte(body))
		if err != nil {
			return
		}
		for _, c := range e.changes([]string{"o"}) {
			if !isID(c.Record.ID) || c.Record.Version < 0 {
				t.Errorf("%q gave %+v", body, c)
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(jwt("s", hs256, `{}`))
	f.Fuzz(func(t *testing.T, token string) {
		if verify(token, []byte("a secret that nobody guesses"), hookURL, hookNow) == nil {
			t.Errorf("%q was taken", token)
		}
	})
}
