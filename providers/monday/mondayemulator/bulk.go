package mondayemulator

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

// Bulk import follows developer.monday.com, "Importing items in bulk".
const (
	uploadPath    = "/bulk/upload/"
	reportPath    = "/bulk/report/"
	uploadLife    = 10 * time.Minute
	ingestRows    = 10_000
	backfillRows  = 20_000
	maxUpload     = 150 << 20
	maxRelations  = 5
	uploadPending = "UPLOAD_PENDING"
	processing    = "PROCESSING"
	completed     = "COMPLETED"
	jobFailed     = "FAILED"
	jobRejected   = "REJECTED"
)

// job is one bulk import.
type job struct {
	id       string
	board    int64
	group    string
	match    string // column id; "" creates always
	skip     bool   // a matched row is left alone
	backfill bool
	by       int64
	base     string
	started  time.Time
	done     time.Time // until then an uploaded job reads as PROCESSING

	state, reason, message                               string
	submitted, invalid, skipped, created, updated, fault int
	report                                               []byte
}

type jobCounts struct{ j *job }

type jobs struct {
	mu sync.Mutex
	m  map[string]*job
}

func newJobs() *jobs { return &jobs{m: map[string]*job{}} }

func (s *jobs) get(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[id]
}

// matchable are the column types on_match takes.
var matchable = map[string]bool{"date": true, "email": true, "link": true, "long_text": true, "name": true, "numbers": true, "phone": true, "status": true, "text": true}

func startIngest(r *request, b *account.Board, a gql.Args) (any, error) {
	j := &job{board: b.ID, group: a.String("group_id")}
	if m := a.Map("on_match"); m != nil {
		c := b.Column(m.String("match_column_id"))
		if c == nil || c.Hidden {
			return nil, account.NoColumn(m.String("match_column_id"))
		}
		if !matchable[c.Type] {
			return nil, account.InvalidArgument("Column %s of type %s cannot be matched by", c.ID, c.Type)
		}
		j.match, j.skip = c.ID, m.String("behaviour") == "SKIP"
	}
	return startJob(r, b, j)
}

func startBackfill(r *request, b *account.Board, a gql.Args) (any, error) {
	if !r.user.Admin {
		return nil, &gql.Error{Message: "User unauthorized to perform action", Code: "UserUnauthorizedException", Status: 403, Data: map[string]any{}}
	}
	return startJob(r, b, &job{board: b.ID, group: a.String("group_id"), backfill: true})
}

func startJob(r *request, b *account.Board, j *job) (any, error) {
	if b.Group(j.group) == nil {
		return nil, account.NotFound("Group", j.group)
	}
	now := r.acct().Now()
	if err := r.e.meter.startJob(now); err != nil {
		return nil, err
	}
	j.id, j.by, j.started, j.state, j.base = r.acct().UUID("job"), r.by(), now, uploadPending, r.base
	r.e.jobs.mu.Lock()
	defer r.e.jobs.mu.Unlock()
	r.e.jobs.m[j.id] = j
	return j, nil
}

func queryJob(r *request, a gql.Args) (any, error) {
	j := r.e.jobs.get(a.String("job_id"))
	if j == nil {
		return nil, account.NotFound("Job", a.String("job_id"))
	}
	return j, nil
}

// shown is the state as it reads now.
func (j *job) shown(now time.Time) string {
	if j.state != uploadPending && now.Before(j.done) {
		return processing
	}
	return j.state
}

func jobFields() map[string]map[string]field {
	onJob := func(f func(j *job, over bool) any) field {
		return on(func(r *request, j *job, _ gql.Args) (any, error) {
			state := j.shown(r.acct().Now())
			return f(j, state != uploadPending && state != processing), nil
		})
	}
	ended := func(f func(j *job) any) field {
		return onJob(func(j *job, over bool) any {
			if !over {
				return nil
			}
			return f(j)
		})
	}
	number := func(f func(j *job) int) field { return of(func(c jobCounts) any { return f(c.j) }) }
	return map[string]map[string]field{
		"UploadJobInit": {
			"job_id":     of(func(j *job) any { return j.id }),
			"upload_url": of(func(j *job) any { return j.base + uploadPath + j.id + "?X-Amz-Expires=600" }),
		},
		"ItemsJobStatus": {
			"status": on(func(r *request, j *job, _ gql.Args) (any, error) { return j.shown(r.acct().Now()), nil }),
			"counts": ended(func(j *job) any { return jobCounts{j} }),
			"progress_percentage": onJob(func(j *job, over bool) any {
				if over && j.state == completed {
					return 100
				}
				return 0
			}),
			"failure_reason":  ended(func(j *job) any { return optional(j.reason) }),
			"failure_message": ended(func(j *job) any { return optional(j.message) }),
			// true though rows were invalid: the counts tell (seen live)
			"fully_imported": onJob(func(j *job, over bool) any { return over && j.state == completed }),
			"report_created": onJob(func(j *job, over bool) any { return over && j.report != nil }),
			"report_url": ended(func(j *job) any {
				if j.report == nil {
					return nil
				}
				return j.base + reportPath + j.id
			}),
		},
		"ItemsJobItemCounts": {
			"submitted": number(func(j *job) int { return j.submitted }),
			"invalid":   number(func(j *job) int { return j.invalid }),
			"skipped":   number(func(j *job) int { return j.skipped }),
			"created":   number(func(j *job) int { return j.created }),
			"updated":   number(func(j *job) int { return j.updated }),
			"failed":    number(func(j *job) int { return j.fault }),
		},
	}
}

func (e *Emulator) serveUpload(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", http.MethodPut)
		http.Error(w, "MethodNotAllowed", http.StatusMethodNotAllowed)
		return
	}
	j := e.jobs.get(r.URL.Path[len(uploadPath):])
	if j == nil || e.now().Sub(j.started) >= uploadLife {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		if _, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`); err != nil {
			e.log.Debug("answer was not taken", "error", err)
		}
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload+1))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		http.Error(w, "IncompleteBody", http.StatusBadRequest)
		return
	}
	e.acct.Lock()
	defer e.acct.Unlock()
	w.Header().Set("ETag", strconv.Quote(e.acct.Hex("etag", 16)))
	if j.state != uploadPending { // a second upload changes nothing
		return
	}
	j.done = e.acct.Now().Add(e.opts.BulkDelay)
	if tooLarge != nil || len(raw) > maxUpload {
		j.fail(jobFailed, "FILE_TOO_LARGE", "The file is larger than 150 MB")
		return
	}
	before := e.acct.Written
	e.work(j, raw)
	if n := e.acct.Written - before; n > 0 {
		e.count(func(c *Counters) { c.ItemsWritten += n })
	}
}

func (e *Emulator) serveReport(w http.ResponseWriter, r *http.Request) {
	j := e.jobs.get(r.URL.Path[len(reportPath):])
	e.acct.Lock()
	defer e.acct.Unlock()
	if j == nil || j.report == nil || e.now().Sub(j.done) >= uploadLife {
		http.Error(w, "AccessDenied", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/csv")
	if _, err := w.Write(j.report); err != nil {
		e.log.Debug("report was not taken", "error", err)
	}
}

func (j *job) fail(state, reason, message string) {
	j.state, j.reason, j.message = state, reason, message
}

// row is one line of the file, checked.
type row struct {
	name   string
	values map[string]any
	errs   map[string]string // by column id
}

// work carries out an uploaded job. The account is locked.
func (e *Emulator) work(j *job, raw []byte) {
	b := e.acct.Board(j.board)
	if b == nil || b.State != account.Active || b.Group(j.group) == nil {
		j.fail(jobFailed, "PERMISSION_DENIED", "The board or the group is no longer there")
		return
	}
	columns, rows, err := e.readRows(b, raw)
	if err != nil {
		j.fail(jobFailed, "INVALID_UPLOAD", err.Error())
		return
	}
	most := ingestRows
	if j.backfill {
		most = backfillRows
	}
	j.submitted = len(rows)
	if len(rows) > most {
		j.fail(jobFailed, "FILE_TOO_LARGE", fmt.Sprintf("The file has more than %d rows", most))
		return
	}
	valid := 0
	for _, r := range rows {
		if len(r.errs) == 0 {
			valid++
		}
	}
	if b.Count+valid > e.acct.ItemsLimit && j.match == "" {
		j.fail(jobRejected, "BOARD_CAPACITY_EXCEEDED", "The board cannot hold so many items")
		return
	}
	if !j.backfill && !e.meter.takeItems(e.acct.Now(), valid) {
		j.fail(jobRejected, "ACCOUNT_CAPACITY_EXCEEDED", "The account's hourly budget of imported items does not suffice")
		return
	}
	var out bytes.Buffer
	report := csv.NewWriter(&out)
	head := []string{"serialNo", "status", "itemId", "error"}
	for _, c := range columns {
		head = append(head, c.ID)
	}
	if err := report.Write(head); err != nil {
		j.fail(jobFailed, "INTERNAL_ERROR", err.Error())
		return
	}
	for i, r := range rows {
		line := []string{strconv.Itoa(i + 1), "success", "", ""}
		id, err := e.importRow(j, b, &r)
		switch {
		case len(r.errs) > 0:
			j.invalid++
			line[1] = "validation_error"
		case err != nil:
			j.fault++
			line[1], line[3] = "failed", err.Error()
		case id == 0:
			j.skipped++
			line[1] = "skipped"
		default:
			line[2] = idText(id)
		}
		var all []string
		for _, c := range columns {
			if m := r.errs[c.ID]; m != "" {
				all = append(all, "["+c.ID+"]: "+m)
			}
			line = append(line, r.errs[c.ID])
		}
		if m := r.errs["name"]; m != "" {
			all = append(all, "[name]: "+m)
		}
		if len(all) > 0 {
			line[3] = strings.Join(all, "; ")
		}
		if err := report.Write(line); err != nil {
			j.fail(jobFailed, "INTERNAL_ERROR", err.Error())
			return
		}
	}
	report.Flush()
	j.report, j.state = out.Bytes(), completed
}

// readRows reads the file: the header names "name" and then columns by id.
func (e *Emulator) readRows(b *account.Board, raw []byte) ([]*account.Column, []row, error) {
	if !utf8.Valid(raw) {
		return nil, nil, errors.New("the file is not UTF-8")
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	head, err := in.Read()
	if err != nil || head[0] != "name" {
		return nil, nil, errors.New("the first column of the header must be name")
	}
	var columns []*account.Column
	seen := map[string]bool{}
	relations := 0
	for _, h := range head[1:] {
		c := b.Column(h)
		if c == nil || c.Hidden || seen[h] || !account.Importable(c) {
			return nil, nil, fmt.Errorf("header %q is not a column that can be imported", h)
		}
		if c.Type == "board_relation" {
			relations++
		}
		seen[h] = true
		columns = append(columns, c)
	}
	if relations > maxRelations {
		return nil, nil, fmt.Errorf("at most %d connect-boards columns can be imported", maxRelations)
	}
	var rows []row
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return columns, rows, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read row %d: %w", len(rows)+1, err)
		}
		r := row{name: rec[0], values: map[string]any{}, errs: map[string]string{}}
		if m := account.CheckName(r.name); m != nil {
			r.errs["name"] = m.Error()
		}
		for i, c := range columns {
			if rec[i+1] == "" { // keeps what is there
				continue
			}
			v, problem := e.acct.ImportCell(c, rec[i+1])
			if problem != "" {
				r.errs[c.ID] = problem
				continue
			}
			r.values[c.ID] = v
		}
		rows = append(rows, r)
	}
}

// importRow creates or updates one item; 0 means that it was skipped. What happens where several
// items match is not in the vendor's documentation: here the oldest is taken.
func (e *Emulator) importRow(j *job, b *account.Board, r *row) (int64, error) {
	if len(r.errs) > 0 {
		return 0, nil
	}
	if j.match != "" {
		it, err := e.acct.MatchRow(b, j.match, r.name, r.values)
		if err != nil {
			return 0, err
		}
		if it != nil && j.skip {
			return 0, nil
		}
		if it != nil {
			values := r.values
			if it.Name != r.name {
				values["name"] = r.name
			}
			if err := e.acct.SetValues(j.by, it, values, false); err != nil {
				return 0, err
			}
			j.updated++
			return it.ID, nil
		}
	}
	it, err := e.acct.CreateItem(j.by, b, account.NewItem{Name: r.name, GroupID: j.group, Values: r.values, Quiet: j.backfill})
	if err != nil {
		return 0, err
	}
	j.created++
	return it.ID, nil
}
