package people

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// apiPath is where Salesforce serves the version of its REST API that is used here.
const apiPath = "/services/data/v68.0"

// People may enter both vendors. The zero value of Client is http.DefaultClient.
type People struct {
	MondayURL       string // with the path, such as /v2
	MondayToken     string
	SalesforceURL   string
	SalesforceToken string // an access token
	Client          *http.Client

	mondayCalls, salesforceCalls atomic.Int64
}

// Calls is how many HTTP calls were made of each vendor so far.
func (p *People) Calls() (monday, salesforce int64) {
	return p.mondayCalls.Load(), p.salesforceCalls.Load()
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Status int
	Text   string // what was asked, and the body of the answer
}

func (e *StatusError) Error() string { return e.Text }

// GraphQLError is a refusal in an answer of monday's with status 200.
type GraphQLError struct{ Code, Message string }

func (e *GraphQLError) Error() string { return fmt.Sprintf("monday: %s (%s)", e.Message, e.Code) }

// GraphQL asks monday, and reads what is under data into data where that is not nil. With a key, monday carries a
// mutation out once, however often it is sent within half an hour.
func (p *People) GraphQL(ctx context.Context, key, query string, variables map[string]any, data any) error {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message    string `json:"message"`
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	p.mondayCalls.Add(1)
	var headers []string
	if key != "" {
		headers = []string{"Idempotency-Key", key}
	}
	err := p.Call(ctx, http.MethodPost, p.MondayURL, p.MondayToken, map[string]any{"query": query, "variables": variables}, &answer, headers...)
	if err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return &GraphQLError{answer.Errors[0].Extensions.Code, answer.Errors[0].Message}
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, data)
}

// Query runs SOQL to its last page. Numbers are json.Number.
func (p *People) Query(ctx context.Context, soql string) ([]map[string]any, error) {
	var all []map[string]any
	next := apiPath + "/query?q=" + url.QueryEscape(soql)
	for next != "" {
		var page struct {
			Records []map[string]any `json:"records"`
			Next    string           `json:"nextRecordsUrl"`
		}
		if err := p.salesforce(ctx, http.MethodGet, next, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Records...)
		next = page.Next
	}
	return all, nil
}

// Create makes a record of an sObject, and gives its id.
func (p *People) Create(ctx context.Context, sObject string, fields map[string]any) (id string, err error) {
	var made struct {
		ID string `json:"id"`
	}
	err = p.salesforce(ctx, http.MethodPost, apiPath+"/sobjects/"+sObject, fields, &made)
	return made.ID, err
}

// Update changes fields of a record.
func (p *People) Update(ctx context.Context, sObject, id string, fields map[string]any) error {
	return p.salesforce(ctx, http.MethodPatch, apiPath+"/sobjects/"+sObject+"/"+id, fields, nil)
}

// Delete puts a record into the recycle bin.
func (p *People) Delete(ctx context.Context, sObject, id string) error {
	return p.salesforce(ctx, http.MethodDelete, apiPath+"/sobjects/"+sObject+"/"+id, nil, nil)
}

func (p *People) salesforce(ctx context.Context, method, path string, body, into any) error {
	p.salesforceCalls.Add(1)
	return p.Call(ctx, method, p.SalesforceURL+path, "Bearer "+p.SalesforceToken, body, into)
}

// Call sends a body as JSON and reads the answer into into, where that is not nil. Headers are names and values in turn.
func (p *People) Call(ctx context.Context, method, address, authorization string, body, into any, headers ...string) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	return p.send(ctx, method, address, authorization, text, into, headers...)
}

// send sends a body as it is.
func (p *People) send(ctx context.Context, method, address, authorization string, text []byte, into any, headers ...string) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := p.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12)) // for the message only
		return &StatusError{resp.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, address, resp.Status, strings.TrimSpace(string(answer)))}
	}
	if into == nil {
		return nil
	}
	dec := json.NewDecoder(resp.Body)
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, address, err)
	}
	return nil
}
