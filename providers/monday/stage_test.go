package monday

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/monday/mondayemulator"
)

// stage is a provider in front of an emulator, with a receiver for its webhooks.
type stage struct {
	t         testing.TB
	emulator  *mondayemulator.Emulator
	provider  *Provider
	resources map[string]resource.Resource // as the ledger would remember them
	specs     []provider.ObjectSpec
	calls     []provider.Call
}

const stageSecret = "signing-secret"

// validating checks every document on its way against the official schema. Files of imports pass.
type validating struct{ t testing.TB }

func (v validating) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		if r.Header.Get("Authorization") != "" {
			v.t.Error("the token went with a file")
		}
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var s sent
	if err := json.Unmarshal(body, &s); err != nil {
		v.t.Errorf("request is no JSON: %v", err)
	}
	mustValidate(v.t, s.Query, s.Variables)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(r)
}

func newStage(t testing.TB, options mondayemulator.Options, change func(*Config)) *stage {
	t.Helper()
	options.Token, options.SigningSecret = "emulator-token", stageSecret
	if options.Users == nil {
		options.Users = []mondayemulator.User{
			{ID: 70, Name: "Sync", Email: "sync@acme.example", Active: true, Admin: true},
			{ID: 77, Name: "Anna", Email: "anna@acme.example", Active: true},
			{ID: 78, Name: "Gone", Email: "gone@acme.example"},
		}
	}
	e, err := mondayemulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(e)
	s := &stage{t: t, emulator: e, resources: map[string]resource.Resource{}, specs: []provider.ObjectSpec{clientSpec(), dealSpec()}}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.provider.Handler().ServeHTTP(w, r) }))
	s.provider = newProvider(t, api.URL+"/v2", func(c *Config) {
		c.Token, c.SigningSecret = plainSecret("emulator-token"), plainSecret(stageSecret)
		c.WebhookURL = receiver.URL + "/hooks/monday"
		c.HTTPClient = &http.Client{Transport: validating{t}}
		c.Observe = func(call provider.Call) { s.calls = append(s.calls, call) }
		if change != nil {
			change(c)
		}
	})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		receiver.Close()
		api.Close()
	})
	return s
}

// plan describes everything and says what apply would do.
func (s *stage) plan() []resource.Change {
	s.t.Helper()
	want, err := s.provider.Expand(s.specs)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range want {
		want[i].ID = s.resources[want[i].Address].ID
	}
	have, err := s.provider.Describe(s.t.Context(), want)
	if err != nil {
		s.t.Fatal(err)
	}
	there := map[string]resource.Resource{}
	for _, h := range have {
		there[h.Address] = h
		s.resources[h.Address] = h
	}
	var changes []resource.Change
	for _, w := range want {
		h, ok := there[w.Address]
		switch {
		case !ok:
			changes = append(changes, resource.Change{Action: resource.Create, Want: w})
		case len(resource.Differ(w, h)) > 0:
			changes = append(changes, resource.Change{Action: resource.Update, Want: w, Have: &h, Differences: resource.Differ(w, h)})
		}
	}
	return changes
}

// apply carries a plan out, each change after what it depends on.
func (s *stage) apply() []resource.Change {
	s.t.Helper()
	changes := s.plan()
	rest := slices.Clone(changes)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(c resource.Change) bool {
			return !slices.ContainsFunc(c.Want.DependsOn, func(d string) bool { return s.resources[d].ID == "" })
		})
		if i < 0 {
			s.t.Fatalf("nothing can go first of %v", rest)
		}
		done, err := s.provider.Apply(s.t.Context(), rest[i], s.resources)
		if err != nil {
			s.t.Fatalf("apply %s: %v", rest[i].Want.Address, err)
		}
		if done.ID == "" || done.Address != rest[i].Want.Address {
			s.t.Fatalf("apply %s gave %+v", rest[i].Want.Address, done)
		}
		s.resources[done.Address] = done
		rest = slices.Delete(rest, i, i+1)
	}
	return changes
}

func (s *stage) binding(spec provider.ObjectSpec) provider.Binding {
	b := provider.Binding{Spec: spec}
	for _, r := range s.resources {
		b.Resources = append(b.Resources, r)
	}
	return b
}

func (s *stage) records(spec provider.ObjectSpec) *records {
	s.t.Helper()
	r, err := s.provider.Records(s.binding(spec))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.(*records)
}

func (s *stage) board(name string) int64 {
	s.t.Helper()
	b, ok := s.emulator.Board(name)
	if !ok {
		s.t.Fatalf("there is no board %q", name)
	}
	return b.ID
}

// watch runs Watch until the test ends, and gives its changes.
func (s *stage) watch() <-chan record.Change {
	s.t.Helper()
	changes := make(chan record.Change, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	bound := []provider.Binding{s.binding(clientSpec()), s.binding(dealSpec())}
	go func() {
		done <- s.provider.Watch(ctx, bound, nil, func(_ context.Context, list []record.Change, _ provider.Cursor) error {
			for _, c := range list {
				changes <- c
			}
			return nil
		})
	}()
	s.t.Cleanup(func() {
		cancel()
		<-done
	})
	for s.provider.watching() == nil {
		time.Sleep(time.Millisecond)
	}
	return changes
}
