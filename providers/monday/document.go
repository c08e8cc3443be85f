package monday

import (
	"encoding/json"
	"strings"
)

// document builds one GraphQL document. Values travel as variables, so that no text of a record is ever part of the
// document, and documents of one shape are equal byte for byte.
type document struct {
	operation  string // query | mutation
	name       string
	parameters []string
	variables  map[string]any
	body       []string
	fragments  []string
}

func newDocument(operation, name string) *document {
	return &document{operation: operation, name: name, variables: map[string]any{}}
}

// variable declares a variable and returns how to refer to it.
func (d *document) variable(name, typ string, value any) string {
	d.parameters = append(d.parameters, "$"+name+":"+typ)
	d.variables[name] = value
	return "$" + name
}

// add appends a root field, given in pieces.
func (d *document) add(pieces ...string) { d.body = append(d.body, strings.Join(pieces, "")) }

// fragment appends a definition that the body spreads.
func (d *document) fragment(text string) { d.fragments = append(d.fragments, text) }

// String is the document. Complexity is asked for in each, because asking within the same call is free.
func (d *document) String() string {
	var b strings.Builder
	b.WriteString(d.operation + " " + d.name)
	if len(d.parameters) > 0 {
		b.WriteString("(" + strings.Join(d.parameters, ",") + ")")
	}
	b.WriteString("{complexity{query after reset_in_x_seconds}")
	for _, field := range d.body {
		b.WriteString("\n" + field)
	}
	b.WriteString("}")
	for _, f := range d.fragments {
		b.WriteString("\n" + f)
	}
	return b.String()
}

// request makes the document ready to send. What says what is being done; operation names the call in audits and prices.
func (d *document) request(what, operation string, rows int) request {
	return request{what: what, operation: operation, rows: rows, document: d.String(), variables: d.variables, write: d.operation == "mutation"}
}

// id reads GraphQL's ID, which the vendor writes as text and, in webhooks, as a number.
type id string

// UnmarshalJSON accepts text, numbers and null.
func (i *id) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err == nil {
		*i = id(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	*i = id(n.String())
	return nil
}

// loose reads a JSON scalar of the vendor: an object, or a text that holds one. It leaves v alone when there is none.
func loose(raw json.RawMessage, v any) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if s == "" {
			return nil
		}
		raw = json.RawMessage(s)
	}
	return json.Unmarshal(raw, v)
}
