package monday

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

const (
	firstPoll     = time.Second
	lastPoll      = 10 * time.Second // as often as the vendor asks to poll
	transferTries = 4
	transferTime  = 5 * time.Minute
	reportError   = "error"
)

// job is one import, as fetch_job_status shows it.
type job struct {
	Status    string `json:"status"`
	Reason    string `json:"failure_reason"`
	Message   string `json:"failure_message"`
	ReportURL string `json:"report_url"`
}

// ingest imports a file and fills in the results of its rows. It returns the rows that the import refused: they were
// surely not written, and a mutation either writes them or says better why not. An error means that nothing is known
// of any row, or, unless it is of kind Unknown, that none was written.
func (r *records) ingest(ctx context.Context, batch provider.Batch, f file, results []record.Result) (refused []int, err error) {
	what := fmt.Sprintf("import %d items to board %s", len(f.rows), r.boardName())
	id, upload, err := r.begin(ctx, what, batch.Key, len(f.rows))
	switch kind := provider.KindOf(err); {
	case err == nil:
	case kind.Retriable(), kind == provider.Unknown, kind == provider.Unauthorized, kind == provider.Withheld:
		return nil, err
	default:
		r.p.log.Warn("the import was refused: writing by mutations instead", "board", r.boardName(), "items", len(f.rows), "error", err)
		return f.rows, nil
	}
	j, err := r.follow(ctx, what, id, upload, f.text, !batch.Sent.IsZero())
	if err != nil {
		return nil, err
	}
	if j.Status == "COMPLETED" {
		return r.report(ctx, what, id, j, f, results)
	}
	return r.failed(ctx, what, batch, j, f, results)
}

// begin starts a job, or under a key that was used before, gets the one that was started then.
func (r *records) begin(ctx context.Context, what, key string, rows int) (id, upload string, err error) {
	group := r.group
	if group == "" {
		if group, err = r.topGroup(ctx); err != nil {
			return "", "", err
		}
	}
	d := newDocument("mutation", "load")
	d.add("load:ingest_items(board_id:", d.variable("board", "ID!", r.board), ",group_id:", d.variable("group", "ID!", group),
		",on_match:{match_column_id:", d.variable("column", "String!", r.key.id), ",behaviour:UPSERT}){job_id upload_url}")
	q := d.request(what, "ingest_items", rows)
	q.key = key
	a, err := r.p.client.call(ctx, q)
	if err != nil {
		return "", "", err
	}
	var begun struct {
		ID     string `json:"job_id"`
		Upload string `json:"upload_url"`
	}
	if err := a.decode("load", &begun); err != nil {
		return "", "", err
	}
	if begun.ID == "" || begun.Upload == "" {
		return "", "", &provider.Error{Kind: provider.Transient, Op: what, RequestID: a.requestID, Message: "the answer names no job"}
	}
	return begun.ID, begun.Upload, nil
}

// topGroup is the group that new items go to when none is named.
func (r *records) topGroup(ctx context.Context) (string, error) {
	d := newDocument("query", "top")
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{r.board}), "){top_group{id}}")
	a, err := r.p.client.call(ctx, d.request("find the first group of board "+r.boardName(), "boards", 0))
	if err != nil {
		return "", err
	}
	var boards []struct {
		Top struct {
			ID string `json:"id"`
		} `json:"top_group"`
	}
	if err := a.decode("boards", &boards); err != nil {
		return "", err
	}
	if len(boards) == 0 || boards[0].Top.ID == "" {
		return "", r.hidden("find the first group")
	}
	return boards[0].Top.ID, nil
}

// follow uploads the file and waits until the job has ended. A job that was begun before may have its file already:
// then only one that goes on waiting for it is given it again.
func (r *records) follow(ctx context.Context, what, id, upload string, text []byte, begunBefore bool) (j job, err error) {
	lost := func(err error) error {
		return &provider.Error{Kind: provider.Unknown, Op: what, Message: "it is not known how import " + id + " ended", Err: err}
	}
	waits := 0 // answers that show it waiting for its file
	if !begunBefore {
		waits = 2
	}
	uploaded := false
	for pause := r.p.poll; ; pause = min(2*pause, lastPoll) {
		if waits >= 2 && !uploaded {
			if err := r.upload(ctx, what, upload, text); err != nil {
				var e *provider.Error
				switch {
				case !errors.As(err, &e):
				case e.Kind == provider.Unknown, e.Kind == provider.Withheld && begunBefore:
					return j, lost(err)
				case e.Kind == provider.Withheld:
					return j, err
				}
				j.Status, j.Message = "NOT_UPLOADED", err.Error()
				return j, nil
			}
			uploaded = true
		}
		if !sleep(ctx, pause) {
			return j, lost(ctx.Err())
		}
		switch j, err = r.job(ctx, what, id); {
		case err != nil && (provider.KindOf(err).Retriable() || provider.KindOf(err) == provider.Exhausted) && ctx.Err() == nil:
			r.p.log.Debug("the import's state is not shown", "job", id, "error", err)
		case err != nil:
			return j, lost(err)
		case j.Status == "UPLOAD_PENDING":
			waits++
		case j.Status == "FAILED", j.Status == "REJECTED", j.Status == "COMPLETED" && j.ReportURL != "":
			return j, nil
		}
	}
}

// job asks for the state of an import.
func (r *records) job(ctx context.Context, what, id string) (j job, err error) {
	d := newDocument("query", "job")
	d.add("job:fetch_job_status(job_id:", d.variable("job", "ID!", id), "){...on ItemsJobStatus{status failure_reason failure_message report_url}}")
	a, err := r.p.client.call(ctx, d.request(what, "fetch_job_status", 0))
	if err != nil {
		return j, err
	}
	return j, a.decode("job", &j)
}

// upload puts the file where the job wants it. Putting the same file twice is harmless.
func (r *records) upload(ctx context.Context, what, address string, text []byte) error {
	var last error
	for try := range transferTries {
		if try > 0 && !sleep(ctx, jitter(firstBackoff<<try)) {
			break
		}
		status, _, err := r.p.client.transfer(ctx, http.MethodPut, address, "PUT import file", text)
		switch {
		case provider.KindOf(err) == provider.Withheld && last == nil:
			return err
		case provider.KindOf(err) == provider.Withheld:
			return &provider.Error{Kind: provider.Unknown, Op: what, Message: "it is not known whether the file arrived", Err: errors.Join(last, err)}
		case err == nil && status/100 == 2:
			return nil
		case err == nil && status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
			return &provider.Error{Kind: provider.Transient, Op: what, Code: strconv.Itoa(status), Message: "the file was not taken: its place is valid for ten minutes"}
		case err == nil:
			err = fmt.Errorf("status %d", status)
		}
		last = err
	}
	return &provider.Error{Kind: provider.Unknown, Op: what, Message: "it is not known whether the file arrived", Err: errors.Join(last, ctx.Err())}
}

// report reads what became of each row.
func (r *records) report(ctx context.Context, what, id string, j job, f file, results []record.Result) (refused []int, err error) {
	var last error
	for try := range transferTries {
		if try > 0 {
			if !sleep(ctx, jitter(firstBackoff<<try)) {
				break
			}
			// A report's address is valid for ten minutes: ask for another.
			if j, last = r.job(ctx, what, id); last != nil {
				continue
			}
		}
		status, text, err := r.p.client.transfer(ctx, http.MethodGet, j.ReportURL, "GET import report", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		if last = err; err != nil {
			continue
		}
		if refused, last = r.readReport(what, text, f, results); last == nil {
			return refused, nil
		}
	}
	return nil, &provider.Error{Kind: provider.Unknown, Op: what, Message: "the report of import " + id + " can't be read", Err: errors.Join(last, ctx.Err())}
}

// readReport reads serialNo, status, itemId and error of each row. A row that the report leaves out, or that it says
// anything else of than success or refusal, may or may not be there.
func (r *records) readReport(what string, text []byte, f file, results []record.Result) (refused []int, err error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	in.FieldsPerRecord = -1
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read the report's header: %w", err)
	}
	place := map[string]int{}
	for i, name := range head {
		if _, twice := place[name]; !twice {
			place[name] = i
		}
	}
	for _, name := range []string{"serialNo", "status", "itemId"} {
		if _, ok := place[name]; !ok {
			return nil, fmt.Errorf("the report has no column %s", name)
		}
	}
	for _, n := range f.rows {
		results[n] = record.Result{Err: &provider.Error{Kind: provider.Unknown, Op: what, Message: "the report does not mention the row"}}
	}
	told := make([]bool, len(f.rows))
	for {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			return refused, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the report: %w", err)
		}
		cell := func(name string) string {
			if i, ok := place[name]; ok && i < len(line) {
				return line[i]
			}
			return ""
		}
		n, err := strconv.Atoi(cell("serialNo"))
		if err != nil || n < 1 || n > len(f.rows) || told[n-1] {
			continue
		}
		told[n-1] = true
		switch status, item := cell("status"), cell("itemId"); {
		case status == "success" && isID(item):
			results[f.rows[n-1]] = record.Result{ID: item}
		case status == "validation_error":
			refused = append(refused, f.rows[n-1])
		default:
			results[f.rows[n-1]] = record.Result{Err: &provider.Error{Kind: provider.Unknown, Op: what, Code: status, Message: clip(cell(reportError))}}
		}
	}
}

// failed judges a job that did not complete.
func (r *records) failed(ctx context.Context, what string, batch provider.Batch, j job, f file, results []record.Result) (refused []int, err error) {
	e := &provider.Error{Kind: provider.Transient, Op: what, Code: j.Reason, Message: clip(j.Message)}
	switch j.Reason {
	case "INVALID_UPLOAD", "FILE_TOO_LARGE":
		r.p.log.Warn("the import was refused: writing by mutations instead", "board", r.boardName(), "items", len(f.rows), "reason", j.Reason, "message", clip(j.Message))
		return f.rows, nil
	case "ACCOUNT_CAPACITY_EXCEEDED":
		// 19,000 items an hour, and the vendor does not say when the hour began.
		e.Kind, e.RetryAfter = provider.Throttled, 10*time.Minute
	case "BOARD_CAPACITY_EXCEEDED":
		e.Kind = provider.Invalid
	case "PERMISSION_DENIED", "AUTHORIZATION_FAILED":
		e.Kind = provider.Denied
	default:
		if j.Status == "FAILED" {
			return nil, r.lookUp(ctx, batch, e, f, results)
		}
	}
	for _, n := range f.rows {
		results[n] = record.Result{Err: e}
	}
	return nil, nil
}

// lookUp finds what a job wrote before it failed: it has ended, so that what is not there will not come.
func (r *records) lookUp(ctx context.Context, batch provider.Batch, e *provider.Error, f file, results []record.Result) error {
	lost := *e
	lost.Kind = provider.Unknown
	if !sleep(ctx, searchLag) {
		return &lost
	}
	keys := make([]string, len(f.rows))
	for i, n := range f.rows {
		keys[i] = batch.Patches[n].Key
	}
	found, err := r.Find(ctx, keys)
	if err != nil {
		lost.Err = err
		return &lost
	}
	for i, n := range f.rows {
		if ids := found[keys[i]]; len(ids) > 0 {
			results[n] = record.Result{ID: ids[0]}
		} else {
			results[n] = record.Result{Err: e}
		}
	}
	return nil
}

// transfer sends a file to, or gets one from, an address that the vendor gave: it carries its own permission, so that
// the token must not go with it, and it must not be shown. It counts for no limit of calls.
func (c *client) transfer(ctx context.Context, method, address, operation string, body []byte) (status int, text []byte, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && !strings.HasPrefix(c.url, u.Scheme+"://") {
		return 0, nil, errors.New("the vendor gave an address for a file that is not usable")
	}
	call := provider.Call{Connection: c.connection, Operation: operation, Write: method == http.MethodPut, Started: c.clock(), Cause: provider.CauseOf(ctx)}
	defer func() {
		call.Duration, call.Status, call.Err = c.clock().Sub(call.Started), status, provider.Bare(err)
		c.observe(call)
	}()
	ctx, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("the vendor gave an address for a file that is not usable")
	}
	refused := func() error { return nil }
	if body != nil {
		req.Header.Set("Content-Type", "text/csv")
		if refused, err = provider.LeaveHTTP(req, operation); err != nil {
			return 0, nil, err
		}
	}
	resp, err := c.http.Do(req)
	if no := refused(); err != nil && no != nil {
		return 0, nil, no
	}
	if err != nil {
		var shown *url.Error
		if errors.As(err, &shown) {
			err = shown.Err
		}
		return 0, nil, fmt.Errorf("%s: %w", operation, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err = io.ReadAll(io.LimitReader(resp.Body, 2*maxBody))
	if err != nil {
		return resp.StatusCode, nil, fmt.Errorf("%s: %w", operation, err)
	}
	return resp.StatusCode, text, nil
}
