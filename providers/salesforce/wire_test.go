package salesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/providers/salesforce/internal/eventbus"
)

// wireSamples are bodies as the vendor's documentation describes them. What reads them and what stands in for the org
// were written apart: both must fit.
const wireSamples = "../../testdata/wire/salesforce"

func samples(t *testing.T, event bool, into func(name string, content []byte)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(wireSamples, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if strings.HasPrefix(name, "event-") != event {
			continue
		}
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		into(name, content)
	}
}

// TestWireAnswers asks the emulator what each sample's request asks, compares status and shape, and lets what reads such
// answers read the sample.
func TestWireAnswers(t *testing.T) {
	o := newOrg(t)
	o.deal(t, "Deal", 12.5)
	session, err := o.p.client.sessions.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	samples(t, false, func(name string, content []byte) {
		var sample struct {
			Method, Path, Code string
			Request            json.RawMessage
			Status             int
			Response           any
		}
		var raw struct{ Response json.RawMessage }
		if err := errors.Join(json.Unmarshal(content, &sample), json.Unmarshal(content, &raw)); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), sample.Method, session.instance+sample.Path, bytes.NewReader(sample.Request))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+session.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		var real any
		if err := json.Unmarshal(body, &real); err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		if resp.StatusCode != sample.Status {
			t.Errorf("%s: the emulator answers %d, not %d: %s", name, resp.StatusCode, sample.Status, body)
		}
		for _, d := range differences("body", sample.Response, real, name == "userinfo") {
			t.Errorf("%s: %s", name, d)
		}
		if err := reads(name, raw.Response, sample.Code); err != nil {
			t.Errorf("%s: read as %v", name, err)
		}
	})
}

// reads lets the provider's own reader have a sample.
func reads(name string, body []byte, code string) error {
	switch {
	case code != "":
		if list := parseErrors(body); len(list) != 1 || list[0].code() != code || list[0].Message == "" {
			return fmt.Errorf("%+v, want %s", list, code)
		}
	case strings.HasPrefix(name, "query"):
		var a answer
		if err := json.Unmarshal(body, &a); err != nil {
			return err
		}
		if a.TotalSize != 1 || !a.Done || name == "query" && (len(a.Records) != 1 || a.Records[0].text("Name") != "Deal «Łódź»") {
			return fmt.Errorf("%+v", a)
		}
	case name == "create":
		var c created
		if err := json.Unmarshal(body, &c); err != nil || !c.Success || !validID(c.ID) {
			return fmt.Errorf("%+v, %w", c, err)
		}
	case name == "collections":
		var list []created
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		if len(list) != 2 || !list[0].Success || list[1].Success || list[1].Errors[0].code() != "REQUIRED_FIELD_MISSING" {
			return fmt.Errorf("%+v", list)
		}
	}
	return nil
}

// TestWireEvents encodes every sample by the schema that the emulator serves, and lets the provider decode it.
func TestWireEvents(t *testing.T) {
	o := newOrg(t)
	spec := dealSpec()
	spec.Watched = true
	o.apply(t, spec)
	conn, err := o.p.events.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, err := o.p.events.authorize(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bus := eventbus.NewPubSubClient(conn)
	topic, err := bus.GetTopic(ctx, &eventbus.TopicRequest{TopicName: "/data/OpportunityChangeEvent"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := bus.GetSchema(ctx, &eventbus.SchemaRequest{SchemaId: topic.SchemaId})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := parseSchema(info.SchemaJson)
	if err != nil {
		t.Fatal(err)
	}
	samples(t, true, func(name string, content []byte) {
		var sample struct {
			Changed []string
			Payload map[string]any
		}
		if err := json.Unmarshal(content, &sample); err != nil {
			t.Fatal(err)
		}
		header, _ := sample.Payload["ChangeEventHeader"].(map[string]any)
		for _, list := range []string{"changedFields", "nulledFields", "diffFields"} {
			header[list] = bitmap(t, schema, header[list])
		}
		for _, number := range []string{"commitTimestamp", "commitNumber", "sequenceNumber"} {
			f, _ := header[number].(float64)
			header[number] = int64(f)
		}
		for k, v := range sample.Payload {
			if f, ok := v.(float64); ok && strings.HasSuffix(k, "Date") {
				sample.Payload[k] = int64(f)
			}
		}
		for _, f := range schema.fields {
			if _, ok := sample.Payload[f.name]; !ok {
				sample.Payload[f.name] = nil
			}
		}
		for k := range sample.Payload {
			if !slices.ContainsFunc(schema.fields, func(f eventField) bool { return f.name == k }) {
				t.Errorf("%s: the emulator's schema has no field %s", name, k)
			}
		}
		payload, err := schema.avro.Encode(sample.Payload)
		if err != nil {
			t.Fatalf("%s does not fit the emulator's schema: %v", name, err)
		}
		e, err := schema.decode(payload)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e.entity != "Opportunity" || e.typ != header["changeType"] || len(e.ids) == 0 || e.commit != 1793610927000 || !e.isOurs("accord") {
			t.Errorf("%s decodes as %+v", name, e)
		}
		if diff := cmp.Diff(sample.Changed, slices.Sorted(maps.Keys(e.changed)), cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("%s: changed fields:\n%s", name, diff)
		}
	})
}

// bitmap spells names as the bus does: bit 0 is the schema's first field.
func bitmap(t *testing.T, s *eventSchema, names any) []any {
	t.Helper()
	list, _ := names.([]any)
	if len(list) == 0 {
		return []any{}
	}
	bits := new(big.Int)
	for _, n := range list {
		i := slices.IndexFunc(s.fields, func(f eventField) bool { return f.name == n })
		if i < 0 {
			t.Fatalf("the emulator's schema has no field %v", n)
		}
		bits.SetBit(bits, i, 1)
	}
	return []any{fmt.Sprintf("0x%X", bits)}
}

// differences compares shapes: the same keys, and the same types of JSON. Null and an empty list or object fit
// everything. With part, the sample need not name everything.
func differences(at string, want, have any, part bool) []string {
	if want == nil || have == nil {
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want an object", at, have)}
		}
		if len(w) == 0 || len(h) == 0 {
			return nil
		}
		var list []string
		for k, v := range w {
			if _, there := h[k]; !there {
				list = append(list, at+"."+k+" is missing")
				continue
			}
			list = append(list, differences(at+"."+k, v, h[k], part)...)
		}
		for k := range h {
			if _, there := w[k]; !there && !part {
				list = append(list, at+"."+k+" is not in the sample")
			}
		}
		return list
	case []any:
		h, ok := have.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, want a list", at, have)}
		}
		var list []string
		for i := range min(len(w), len(h)) {
			list = append(list, differences(fmt.Sprintf("%s[%d]", at, i), w[i], h[i], part)...)
		}
		return list
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
			return []string{fmt.Sprintf("%s is %T, want %T", at, have, want)}
		}
		return nil
	}
}
