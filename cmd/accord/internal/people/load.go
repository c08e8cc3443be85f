package people

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// OpenJob begins a load of new records of an sObject by Bulk API 2.0, and gives the job's id.
func (p *People) OpenJob(ctx context.Context, sObject string) (id string, err error) {
	var made struct {
		ID string `json:"id"`
	}
	err = p.salesforce(ctx, http.MethodPost, apiPath+"/jobs/ingest", map[string]any{"object": sObject, "operation": "insert", "lineEnding": "LF"}, &made)
	return made.ID, err
}

// Upload gives a job its rows.
func (p *People) Upload(ctx context.Context, job string, header []string, rows [][]string) error {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		return err
	}
	p.salesforceCalls.Add(1)
	return p.send(ctx, http.MethodPut, p.SalesforceURL+apiPath+"/jobs/ingest/"+job+"/batches", "Bearer "+p.SalesforceToken, text.Bytes(), nil, "Content-Type", "text/csv")
}

// CloseJob says that a job has all its rows: it begins.
func (p *People) CloseJob(ctx context.Context, job string) error {
	return p.salesforce(ctx, http.MethodPatch, apiPath+"/jobs/ingest/"+job, map[string]any{"state": "UploadComplete"}, nil)
}

// ErrRunning says that a job is not done yet.
type ErrRunning struct{ Job, State string }

func (e *ErrRunning) Error() string { return fmt.Sprintf("job %s is %s", e.Job, e.State) }

// JobDone is an ErrRunning until a job has come to its end, well or not.
func (p *People) JobDone(ctx context.Context, job string) error {
	var j struct{ State string }
	if err := p.salesforce(ctx, http.MethodGet, apiPath+"/jobs/ingest/"+job, nil, &j); err != nil {
		return err
	}
	switch j.State {
	case "JobComplete", "Failed", "Aborted":
		return nil
	}
	return &ErrRunning{job, j.State}
}

// AddAll makes items by one call, and gives their ids.
func (p *People) AddAll(ctx context.Context, key, board string, names []string) (ids []string, err error) {
	var q strings.Builder
	variables := map[string]any{"board": board}
	q.WriteString("mutation ($board: ID!")
	for i, name := range names {
		fmt.Fprintf(&q, ", $n%d: String!", i)
		variables[fmt.Sprintf("n%d", i)] = name
	}
	q.WriteString(") {")
	for i := range names {
		fmt.Fprintf(&q, " a%d: create_item(board_id: $board, item_name: $n%d) { id }", i, i)
	}
	q.WriteString(" }")
	var made map[string]struct{ ID json.Number }
	if err := p.GraphQL(ctx, key, q.String(), variables, &made); err != nil {
		return nil, err
	}
	for i := range names {
		ids = append(ids, made[fmt.Sprintf("a%d", i)].ID.String())
	}
	return ids, nil
}

// Label gives a cell of labels one by its text, and makes the label where the column has none like it.
func (p *People) Label(ctx context.Context, key, board, item, column, text string) error {
	return p.GraphQL(ctx, key, `mutation ($board: ID!, $item: ID!, $column: String!, $value: String!) { change_simple_column_value(board_id: $board, item_id: $item, column_id: $column, value: $value, create_labels_if_missing: true) { id } }`,
		map[string]any{"board": board, "item": item, "column": column, "value": text}, nil)
}
