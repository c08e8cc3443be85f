package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/record"
)

// What a dead letter was to write is shown without what not everybody may see.
func TestShownPayload(t *testing.T) {
	field := func(name, left, right, sensitive string) *contract.Field {
		return &contract.Field{Name: name, Sensitive: sensitive, Ends: [2][]contract.NativeField{{{Name: left}}, {{Name: right}}}}
	}
	c := &contract.Contract{Objects: []*contract.Object{
		{Name: "deal", Fields: []*contract.Field{field("name", "Name", "name", ""), field("amount", "Amount", "amount", "financial")}},
		{Name: "client", Fields: []*contract.Field{field("name", "Name", "name", "")}},
	}}
	write := `{"key":"7","fields":{"name":{"k":"text","v":["Acme"]},"amount":{"k":"decimal","v":["12"]},"gone":{"k":"text","v":["x"]}},"changes":{"left":["Name"]}}`
	act := `{"side":1,"connection":"monday.work","settings":{"body":"won at 12"},"fields":{"Subject":"won at 12"}}`
	for _, x := range []struct {
		name string
		d    ledger.DeadLetter
		c    *contract.Contract
		want string
	}{
		{"a write", ledger.DeadLetter{Object: "deal", Side: record.Right, Payload: json.RawMessage(write)}, c,
			`{"fields":{"amount":"(sensitive)","gone":"(sensitive)","name":"Acme"},"key":"7"}`},
		{"of an object that is no more", ledger.DeadLetter{Object: "house", Side: record.Right, Payload: json.RawMessage(write)}, c,
			`{"fields":{"amount":"(sensitive)","gone":"(sensitive)","name":"(sensitive)"},"key":"7"}`},
		{"without a contract", ledger.DeadLetter{Object: "deal", Side: record.Right, Payload: json.RawMessage(write)}, nil,
			`{"fields":{"amount":"(sensitive)","gone":"(sensitive)","name":"(sensitive)"},"key":"7"}`},
		{"an action, where something is sensitive", ledger.DeadLetter{Object: "deal", Trigger: "won", Payload: json.RawMessage(act)}, c,
			`{"connection":"monday.work","fields":{"Subject":"(sensitive)"},"side":1}`},
		{"an action, where nothing is", ledger.DeadLetter{Object: "client", Trigger: "won", Payload: json.RawMessage(act)}, c,
			`{"connection":"monday.work","fields":{"Subject":"won at 12"},"settings":{"body":"won at 12"},"side":1}`},
		{"nothing to read", ledger.DeadLetter{Object: "deal", Payload: json.RawMessage(`"what"`)}, c, ""},
	} {
		if diff := cmp.Diff(x.want, string(shownPayload(x.c, &x.d))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
}
