package salesforce

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// Bulk API 2.0 takes rows as a CSV file ("Bulk API 2.0 and Bulk API Developer Guide"). The vendor advises it above some
// 2,000 rows; below that collections are quicker. Upserts by external id do no harm when they are repeated, and of
// updates each row says by its id which record it is about, because results come in any order.
const (
	bulkFrom  = 2000
	bulkRows  = 10_000   // what the vendor processes as one batch
	bulkBytes = 90 << 20 // of 100 MB
	bulkCalls = 10       // three to begin, up to three for the results, the others to see it end
	bulkTime  = 20 * time.Minute
	firstPoll = time.Second
	lastPoll  = 10 * time.Second
	nullCell  = "#N/A" // sets a field to null; an empty cell leaves it alone
)

// ingest is one job: rows with one operation.
type ingest struct {
	operation string // upsert | update
	key       string // the column that tells rows apart
	rows      map[string]write
	text      []byte
}

// load sends the upserts and the updates of a large batch as files, and returns what is to be written by collections:
// what a file can't say, and what a job left unprocessed.
func (r *records) load(ctx context.Context, rows sorted, results []record.Result) sorted {
	var failed error
	run := func(operation, key string, list []write) []write {
		j, rest := r.file(operation, key, list)
		if len(j.rows) < bulkFrom {
			return list
		}
		if failed == nil {
			var left []write
			if left, failed = r.ingest(ctx, j, results); failed == nil {
				return append(rest, left...)
			}
			r.fail(j, failed, results)
			return rest
		}
		r.fail(j, &provider.Error{Kind: provider.Transient, Op: r.doing(operation), Message: "not sent, because an earlier job of the batch did not end well", Err: failed}, results)
		return rest
	}
	if r.key != nil {
		rows.upserts = run("upsert", r.key.api, rows.upserts)
	}
	rows.updates = run("update", "Id", rows.updates)
	return rows
}

func (r *records) fail(j *ingest, err error, results []record.Result) {
	for _, w := range j.rows {
		results[w.index] = record.Result{ID: w.patch.ID, Err: err}
	}
}

// file writes the rows of one operation as CSV, those under one parent together, so that they meet its lock in one batch.
// It returns the rows that the file does not hold. The same rows always make the same file.
func (r *records) file(operation, key string, list []write) (j *ingest, rest []write) {
	j = &ingest{operation: operation, key: key, rows: map[string]write{}}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b write) int {
		return cmp.Or(cmp.Compare(a.parent, b.parent), cmp.Compare(a.patch.ID, b.patch.ID))
	})
	var header []string
	for _, w := range list {
		for _, m := range w.body {
			if name := heading(m.name); name != "" && name != key {
				header = append(header, name)
			}
		}
	}
	slices.Sort(header)
	header = append([]string{key}, slices.Compact(header)...)
	place := map[string]int{}
	for i, name := range header {
		place[name] = i
	}
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	_ = out.Write(header) // a buffer takes everything
	for _, w := range list {
		line, ok := csvLine(w.body, place)
		id := ""
		if ok {
			id = j.identify(line[0])
		}
		if _, twice := j.rows[id]; !ok || id == "" || twice || len(j.rows) == bulkRows || text.Len() > bulkBytes {
			rest = append(rest, w)
			continue
		}
		j.rows[id] = w
		_ = out.Write(line)
		out.Flush()
	}
	out.Flush()
	j.text = text.Bytes()
	return j, rest
}

// heading is the column of a member of a body; "" for what is no field.
func heading(member string) string {
	switch member {
	case "attributes":
		return ""
	case "id":
		return "Id"
	}
	return member
}

// identify makes one of the spellings under which the vendor may show a row's key: ids have two forms, and external ids
// are told apart without regard to case.
func (j *ingest) identify(key string) string {
	if j.key == "Id" {
		return shortID(key)
	}
	return strings.ToLower(key)
}

// csvLine is a row of the file; ok is false where a file can't say a value as it is.
func csvLine(body object, place map[string]int) (line []string, ok bool) {
	line = make([]string, len(place))
	for _, m := range body {
		name := heading(m.name)
		if name == "" {
			continue
		}
		text := ""
		switch v := m.value.(type) {
		case nil:
			text = nullCell
		case bool:
			text = fmt.Sprint(v)
		case json.Number:
			text = v.String()
		case string:
			if v == "" || v == nullCell || strings.ContainsAny(v, "\r\x00") {
				return nil, false
			}
			text = v
		default:
			return nil, false
		}
		line[place[name]] = text
	}
	return line, true
}

// jobInfo is what the org says of a job.
type jobInfo struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	ContentURL string `json:"contentUrl"`
	Processed  int    `json:"numberRecordsProcessed"`
	Message    string `json:"errorMessage"`
}

// ingest runs a job to its end and fills in the results of its rows. It returns the rows that the job surely did not
// touch and that are better written another way. An error that is not of kind Unknown means that it touched none.
func (r *records) ingest(ctx context.Context, j *ingest, results []record.Result) (left []write, err error) {
	doing := r.doing("load by Bulk API: " + j.operation)
	info, err := r.begin(ctx, doing, j)
	if err != nil {
		if kind := provider.KindOf(err); kind.Retriable() || kind == provider.Unauthorized || kind == provider.Withheld {
			return nil, err
		}
		r.client.log.Warn("the org refused a Bulk API job: writing by collections instead", "object", r.object, "records", len(j.rows), "error", err)
		return j.all(), nil
	}
	if info, err = r.follow(ctx, doing, info.ID); err != nil {
		return nil, err
	}
	if info.State != "JobComplete" && info.Processed == 0 {
		r.client.log.Warn("a Bulk API job ended before its first row: writing by collections instead", "object", r.object, "state", info.State, "message", info.Message)
		return j.all(), nil
	}
	told := map[string]bool{}
	if err := r.outcome(ctx, doing, info, "successfulResults", func(cell func(string) string) {
		r.settle(j, told, cell, func(w write) record.Result { return record.Result{ID: orElse(cell("sf__Id"), w.patch.ID)} }, results)
	}); err != nil {
		return nil, err
	}
	if len(told) < len(j.rows) {
		if err := r.outcome(ctx, doing, info, "failedResults", func(cell func(string) string) {
			r.settle(j, told, cell, func(w write) record.Result {
				return r.result(w, saved{ID: cell("sf__Id"), Errors: []vendorError{rowError(cell("sf__Error"))}}, doing)
			}, results)
		}); err != nil {
			return nil, err
		}
	}
	if len(told) < len(j.rows) && info.State != "JobComplete" {
		if err := r.outcome(ctx, doing, info, "unprocessedrecords", func(cell func(string) string) {
			id := j.identify(cell(j.key))
			if w, ours := j.rows[id]; ours && !told[id] {
				told[id] = true
				left = append(left, w)
			}
		}); err != nil {
			return nil, err
		}
		r.client.log.Warn("a Bulk API job did not complete", "object", r.object, "state", info.State, "unprocessed", len(left), "message", info.Message)
	}
	for id, w := range j.rows {
		if !told[id] {
			results[w.index] = record.Result{ID: w.patch.ID, Err: &provider.Error{Kind: provider.Unknown, Op: doing, Message: "the results of job " + info.ID + " do not mention the row"}}
		}
	}
	slices.SortFunc(left, func(a, b write) int { return cmp.Compare(a.index, b.index) })
	return left, nil
}

func (j *ingest) all() []write {
	list := make([]write, 0, len(j.rows))
	for _, w := range j.rows {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b write) int { return cmp.Compare(a.index, b.index) })
	return list
}

// settle gives one row of a result file its result.
func (r *records) settle(j *ingest, told map[string]bool, cell func(string) string, result func(write) record.Result, results []record.Result) {
	id := j.identify(cell(j.key))
	if w, ours := j.rows[id]; ours && !told[id] {
		told[id] = true
		results[w.index] = result(w)
	}
}

// begin makes the job, uploads its file and closes it. Nothing is processed before it is closed, so that whatever fails
// before that has changed nothing.
func (r *records) begin(ctx context.Context, doing string, j *ingest) (info jobInfo, err error) {
	body := object{{"object", r.object}, {"operation", j.operation}, {"contentType", "CSV"}, {"lineEnding", "LF"}}
	if j.operation == "upsert" {
		body = append(body, member{"externalIdFieldName", j.key})
	}
	// Its rows are counted once, with the file.
	err = r.client.do(ctx, request{op: "POST jobs/ingest", doing: doing, method: http.MethodPost, path: "/jobs/ingest", body: body, write: true}, &info)
	if err != nil {
		return info, untouched(err)
	}
	if !validID(info.ID) || info.ContentURL == "" {
		return info, &provider.Error{Kind: provider.Transient, Op: doing, Message: "the answer names no job"}
	}
	err = r.client.do(ctx, request{op: "PUT jobs/ingest/batches", doing: doing, method: http.MethodPut, path: "/" + strings.TrimPrefix(info.ContentURL, "/"),
		file: j.text, write: true, rows: len(j.rows)}, nil)
	if err != nil {
		r.abort(ctx, info.ID)
		return info, untouched(err)
	}
	close := request{op: "PATCH jobs/ingest", doing: doing, method: http.MethodPatch, path: "/jobs/ingest/" + info.ID, body: object{{"state", "UploadComplete"}}, write: true}
	err = r.client.do(ctx, close, nil)
	if provider.KindOf(err) == provider.Unknown && err != nil {
		// Following it shows whether it was closed, and closes it if not.
		return info, nil
	}
	if err != nil {
		r.abort(ctx, info.ID)
	}
	return info, err
}

// untouched says of an error that nothing was processed, however the call ended.
func untouched(err error) error {
	var e *provider.Error
	if errors.As(err, &e) && e.Kind == provider.Unknown {
		known := *e
		known.Kind = provider.Transient
		return &known
	}
	return err
}

// abort gives up a job that is still open. If that fails too, the org drops it by itself.
func (r *records) abort(ctx context.Context, id string) {
	err := r.client.do(ctx, request{op: "PATCH jobs/ingest", doing: "abort a Bulk API job", method: http.MethodPatch, path: "/jobs/ingest/" + id,
		body: object{{"state", "Aborted"}}, write: true}, nil)
	if err != nil {
		r.client.log.Debug("a Bulk API job was not aborted", "job", id, "error", err)
	}
}

// follow waits until a job has ended. One that turns out to be open still, because closing it was not answered, is closed.
func (r *records) follow(ctx context.Context, doing, id string) (info jobInfo, err error) {
	lost := func(err error) error {
		return &provider.Error{Kind: provider.Unknown, Op: doing, Message: "it is not known how job " + id + " ended", Err: err}
	}
	path := "/jobs/ingest/" + id
	for pause := r.provider.poll; ; pause = min(2*pause, lastPoll) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return info, lost(ctx.Err())
		}
		err := r.client.do(ctx, request{op: "GET jobs/ingest", doing: doing, method: http.MethodGet, path: path}, &info)
		switch kind := provider.KindOf(err); {
		case err != nil && ctx.Err() == nil && (kind.Retriable() || kind == provider.Exhausted):
			r.client.log.Debug("a Bulk API job's state is not shown", "job", id, "error", err)
		case err != nil:
			return info, lost(err)
		case info.State == "JobComplete", info.State == "Failed", info.State == "Aborted":
			return info, nil
		case info.State == "Open":
			err := r.client.do(ctx, request{op: "PATCH jobs/ingest", doing: doing, method: http.MethodPatch, path: path, body: object{{"state", "UploadComplete"}}, write: true}, nil)
			if provider.KindOf(err) == provider.Withheld {
				return info, lost(err)
			}
			if err != nil {
				r.client.log.Debug("a Bulk API job was not closed", "job", id, "error", err)
			}
		}
	}
}

// outcome reads one of a job's result files, row by row.
func (r *records) outcome(ctx context.Context, doing string, info jobInfo, file string, each func(cell func(string) string)) error {
	var text []byte
	err := r.client.do(ctx, request{op: "GET jobs/ingest/" + file, doing: doing, method: http.MethodGet, path: "/jobs/ingest/" + info.ID + "/" + file, csv: true}, &text)
	lost := func(err error) error {
		return &provider.Error{Kind: provider.Unknown, Op: doing, Message: "the " + file + " of job " + info.ID + " can't be read", Err: err}
	}
	if err != nil {
		return lost(err)
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	in.FieldsPerRecord = -1
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return lost(err)
	}
	place := map[string]int{}
	for i, name := range head {
		place[name] = i
	}
	for {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return lost(err)
		}
		each(func(name string) string {
			if i, ok := place[name]; ok && i < len(line) {
				return line[i]
			}
			return ""
		})
	}
}

// rowError reads sf__Error: "CODE:message:Field1 Field2 --".
func rowError(text string) vendorError {
	text = strings.TrimSuffix(strings.TrimSpace(text), "--")
	code, message, _ := strings.Cut(text, ":")
	e := vendorError{StatusCode: strings.TrimSpace(code), Message: strings.TrimSpace(message)}
	if i := strings.LastIndexByte(message, ':'); i >= 0 {
		e.Message, e.Fields = strings.TrimSpace(message[:i]), strings.Fields(message[i+1:])
		if len(e.Fields) == 1 && e.Fields[0] == "null" {
			e.Fields = nil
		}
	}
	return e
}
