package salesforceemulator

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

// The states of a job (Bulk API 2.0 guide, "Get Job Info").
const (
	stateOpen     = "Open"
	stateUploaded = "UploadComplete"
	stateRunning  = "InProgress"
	stateComplete = "JobComplete"
	stateFailed   = "Failed"
	stateAborted  = "Aborted"
)

// bulkStore keeps Bulk API 2.0 jobs. The rows of a job are done as soon as its upload is complete; its states are shown one after
// the other as they are asked for, the way a client sees them pass, or as time passes where jobs take time.
type bulkStore struct {
	e    *Emulator
	mu   sync.Mutex
	next uint64
	jobs map[string]*job
	ids  []string
}

type job struct {
	mu sync.Mutex

	id, kind, object, operation, external, version, user string
	delimiter, lineEnding, contentType, query            string
	state                                                string
	pending                                              []string // states still to be shown
	began                                                time.Time
	takes                                                time.Duration // 0 where the states pass as they are asked for
	created, modified, message                           string
	uploaded                                             []byte
	hasUpload                                            bool
	header                                               []string
	succeeded, failed, unprocessed                       []jobRow
	result                                               *queryResult
	caller                                               org.Caller
}

type jobRow struct {
	id, err string
	created bool
	values  []string
}

func (b *bulkStore) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs, b.ids = nil, nil
}

func bulkError(status int, code, message string) response {
	return response{status: status, body: []apiError{{Message: message, ErrorCode: code}}}
}

// serve routes /jobs/ingest and /jobs/query.
func (b *bulkStore) serve(r *request) response {
	p := r.path[1:]
	if len(p) == 0 || p[0] != "ingest" && p[0] != "query" {
		return failed(org.NotFound())
	}
	if len(p) == 1 {
		switch r.method {
		case http.MethodPost:
			return b.create(r, p[0])
		case http.MethodGet:
			return b.list(r, p[0])
		}
		return methodNotAllowed(r.method, "GET,POST")
	}
	j := b.find(p[1])
	if j == nil || j.kind != p[0] {
		return bulkError(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.age(r.e.clock.Now())
	if len(p) == 2 {
		return b.job(r, j)
	}
	return b.data(r, j, p[2])
}

// resultLife is how long a job and its results are kept, openLife how long a job may stay open (Bulk API 2.0 guide, "Limits").
const (
	resultLife = 7 * 24 * time.Hour
	openLife   = 24 * time.Hour
)

// find gives the job with that id; one that is too old is gone.
func (b *bulkStore) find(id string) *job {
	b.mu.Lock()
	defer b.mu.Unlock()
	id18, _ := sfid.Normalize(id)
	j := b.jobs[id18]
	if j != nil && b.e.clock.Now().Sub(j.began) > resultLife {
		delete(b.jobs, id18)
		return nil
	}
	return j
}

// age lets the states pass that have passed by now.
func (j *job) age(now time.Time) {
	if j.state == stateOpen && now.Sub(j.began) > openLife {
		j.state, j.modified = stateAborted, now.UTC().Format(soql.DateTimeLayout)
	}
	for j.takes > 0 && len(j.pending) > 0 {
		due := j.began.Add(j.takes / 4) // a quarter of it is waiting in line
		if len(j.pending) == 1 {
			due = j.began.Add(j.takes)
		}
		if now.Before(due) {
			return
		}
		j.state, j.pending, j.modified = j.pending[0], j.pending[1:], due.UTC().Format(soql.DateTimeLayout)
	}
}

// start puts a job into the line: from now on its states pass.
func (j *job) start(e *Emulator, last string) {
	j.state, j.pending, j.began, j.takes = stateUploaded, []string{stateRunning, last}, e.clock.Now(), e.opts.JobTime
}

func (b *bulkStore) create(r *request, kind string) response {
	var in struct {
		Object    string `json:"object"`
		Operation string `json:"operation"`
		External  string `json:"externalIdFieldName"`
		Content   string `json:"contentType"`
		Line      string `json:"lineEnding"`
		Delimiter string `json:"columnDelimiter"`
		Query     string `json:"query"`
	}
	raw, content, isMultipart := multipartJob(r)
	if isMultipart {
		r.body = raw
	}
	if err := r.decode(&in); err != nil {
		return failed(err)
	}
	j := &job{kind: kind, operation: in.Operation, external: in.External, version: r.version, user: r.session.user, delimiter: in.Delimiter, lineEnding: in.Line,
		contentType: in.Content, query: in.Query, state: stateOpen, caller: r.caller}
	j.caller.Origin = strings.Replace(r.caller.Origin, "/rest/", "/bulkapi/", 1)
	for field, deflt := range map[*string]string{&j.delimiter: "COMMA", &j.lineEnding: "LF", &j.contentType: "CSV"} {
		if *field == "" {
			*field = deflt
		}
	}
	j.delimiter, j.lineEnding = strings.ToUpper(j.delimiter), strings.ToUpper(j.lineEnding)
	if delimiters[j.delimiter] == 0 || j.lineEnding != "LF" && j.lineEnding != "CRLF" || j.contentType != "CSV" {
		return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : columnDelimiter, lineEnding or contentType is not supported")
	}
	var resp response
	var bad bool
	needed := map[string]allocation{"ingest": bulkBatches, "query": queryJobs}[kind]
	if !r.e.limits.take(needed, map[string]int{"query": 1}[kind]) { // batches are counted once it is known how many there are
		return bulkError(http.StatusBadRequest, "EXCEEDEDQUOTA", "ExceededQuota : The org has used up what it has for 24 hours")
	}
	if kind == "query" {
		resp, bad = b.startQuery(r, j)
	} else {
		resp, bad = b.startIngest(r, j, in.Object)
	}
	if bad {
		return resp
	}
	j.began = r.e.clock.Now()
	j.created = j.began.UTC().Format(soql.DateTimeLayout)
	j.modified = j.created
	b.mu.Lock()
	b.next++
	j.id = sfid.Make("750", "gL0", b.next)
	if b.jobs == nil {
		b.jobs = map[string]*job{}
	}
	b.jobs[j.id] = j
	b.ids = append(b.ids, j.id)
	b.mu.Unlock()
	if isMultipart {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.uploaded, j.hasUpload = content, true
		b.run(r, j)
	}
	return ok(j.info())
}

// multipartJob takes the variant that sends job and content at once.
func multipartJob(r *request) (jobPart, content []byte, ok bool) {
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, nil, false
	}
	m := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for {
		part, err := m.NextPart()
		if err != nil {
			return jobPart, content, jobPart != nil
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, false
		}
		switch part.FormName() {
		case "job":
			jobPart = raw
		case "content":
			content = raw
		}
	}
}

func (b *bulkStore) startIngest(r *request, j *job, object string) (response, bool) {
	operations := map[string]bool{"insert": true, "update": true, "upsert": true, "delete": true, "hardDelete": true}
	if !operations[j.operation] {
		return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Unsupported operation "+j.operation), true
	}
	tx := r.org.View(r.caller)
	defer tx.Commit()
	j.object = tx.Canonical(object)
	def := tx.ObjectDef(object)
	switch {
	case def == nil || !tx.Permissions().Object(def).Read && !def.Event:
		return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Unable to find object: "+object), true
	case j.operation == "hardDelete" && !tx.Permissions().Has("PermissionsBulkApiHardDelete"):
		return bulkError(http.StatusBadRequest, "FEATURENOTENABLED", "FeatureNotEnabled : hardDelete is not enabled for the user"), true
	case j.operation == "upsert" && j.external == "":
		return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : External ID was blank for "+j.object+". An External ID must be specified for upsert."), true
	case j.operation == "upsert":
		if _, err := tx.ExternalField(object, j.external); err != nil {
			return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Field name provided, "+j.external+" does not match an External ID, Salesforce Id, or indexed field for "+j.object), true
		}
	}
	return response{}, false
}

func (b *bulkStore) startQuery(r *request, j *job) (response, bool) {
	if j.operation != "query" && j.operation != "queryAll" {
		return bulkError(http.StatusBadRequest, "INVALIDJOB", "InvalidJob : Unsupported operation "+j.operation), true
	}
	tx := r.org.View(j.caller)
	defer tx.Commit()
	res, err := tx.Query(j.query, r.base(), org.QueryOptions{All: j.operation == "queryAll", Bulk: true})
	if err != nil {
		return failed(err), true
	}
	j.result, j.object = &queryResult{columns: res.Columns, rows: res}, res.Entity
	j.start(r.e, stateComplete)
	return response{}, false
}

func (b *bulkStore) list(r *request, kind string) response {
	records := []metadata.Ordered{}
	b.mu.Lock()
	ids := append([]string(nil), b.ids...)
	b.mu.Unlock()
	for _, id := range ids {
		b.mu.Lock()
		j := b.jobs[id]
		b.mu.Unlock()
		if j == nil || j.kind != kind {
			continue
		}
		j.mu.Lock()
		j.age(r.e.clock.Now())
		records = append(records, j.info())
		j.mu.Unlock()
	}
	return ok(metadata.Ordered{{Key: "done", Value: true}, {Key: "records", Value: records}, {Key: "nextRecordsUrl", Value: nil}})
}

// info is the JSON of a job. apiVersion is a number, contentUrl has no leading slash.
func (j *job) info() metadata.Ordered {
	out := metadata.Ordered{{Key: "id", Value: j.id}, {Key: "operation", Value: j.operation}, {Key: "object", Value: j.object}, {Key: "createdById", Value: j.user},
		{Key: "createdDate", Value: j.created}, {Key: "systemModstamp", Value: j.modified}, {Key: "state", Value: j.state}, {Key: "concurrencyMode", Value: "Parallel"},
		{Key: "contentType", Value: j.contentType}, {Key: "apiVersion", Value: json.RawMessage(j.version)}}
	if j.external != "" {
		out.Set("externalIdFieldName", j.external)
	}
	if j.kind == "ingest" {
		out.Set("contentUrl", "services/data/v"+j.version+"/jobs/ingest/"+j.id+"/batches")
	}
	return append(out, metadata.Member{Key: "lineEnding", Value: j.lineEnding}, metadata.Member{Key: "columnDelimiter", Value: j.delimiter})
}

// details adds what only a job's own resource tells.
func (j *job) details() metadata.Ordered {
	out := j.info()
	out.Set("jobType", map[string]string{"ingest": "V2Ingest", "query": "V2Query"}[j.kind])
	done := j.state == stateComplete || j.state == stateFailed
	processed, lost := 0, 0
	if done {
		processed, lost = len(j.succeeded)+len(j.failed), len(j.failed)
		if j.result != nil {
			processed = j.result.len()
		}
	}
	out.Set("numberRecordsProcessed", processed)
	if j.kind == "ingest" {
		out.Set("numberRecordsFailed", lost)
		out.Set("apiActiveProcessingTime", processed/10)
		out.Set("apexProcessingTime", 0)
	}
	out.Set("retries", 0)
	out.Set("totalProcessingTime", processed/8)
	if j.message != "" && done {
		out.Set("errorMessage", j.message)
	}
	return out
}

func (b *bulkStore) job(r *request, j *job) response {
	switch r.method {
	case http.MethodGet:
		resp := ok(j.details())
		if len(j.pending) > 0 && j.takes == 0 {
			j.state, j.pending = j.pending[0], j.pending[1:]
			j.modified = r.e.clock.Now().UTC().Format(soql.DateTimeLayout)
		}
		return resp
	case http.MethodPatch:
		var in struct{ State string }
		if err := r.decode(&in); err != nil {
			return failed(err)
		}
		return b.setState(r, j, in.State)
	case http.MethodDelete:
		if j.state == stateOpen || j.state == stateRunning {
			return bulkError(http.StatusBadRequest, "INVALIDJOBSTATE", "InvalidJobState : Job state "+j.state+" does not allow deletion")
		}
		b.mu.Lock()
		delete(b.jobs, j.id)
		b.mu.Unlock()
		return response{status: http.StatusNoContent}
	}
	return methodNotAllowed(r.method, "DELETE,GET,PATCH")
}

func (b *bulkStore) setState(r *request, j *job, state string) response {
	switch {
	case state == stateAborted && (j.state == stateOpen || j.state == stateUploaded || j.state == stateRunning): // what was done stays done
		j.state, j.pending = stateAborted, nil
	case state == stateUploaded && j.state == stateOpen && j.kind == "ingest":
		if !j.hasUpload {
			return bulkError(http.StatusBadRequest, "INVALIDJOBSTATE", "InvalidJobState : Nothing was uploaded to the job")
		}
		b.run(r, j)
	default:
		return bulkError(http.StatusBadRequest, "INVALIDJOBSTATE", "InvalidJobState : Updating state from '"+j.state+"' to '"+state+"' is not allowed.")
	}
	j.modified = r.e.clock.Now().UTC().Format(soql.DateTimeLayout)
	return ok(j.info())
}

// data serves the upload and the result files.
func (b *bulkStore) data(r *request, j *job, what string) response {
	if j.version != r.version {
		return bulkError(http.StatusConflict, "API_VERSION_MISMATCH", "Use the API version the job was created with: "+j.version)
	}
	if j.kind == "query" {
		return j.results(r, what)
	}
	if what == "batches" {
		switch {
		case r.method != http.MethodPut:
			return methodNotAllowed(r.method, "PUT")
		case !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv"):
			return bulkError(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
		case j.state != stateOpen || j.hasUpload:
			return bulkError(http.StatusBadRequest, "CLIENTINPUTERROR", "ClientInputError : Found multiple contents for job: <"+j.id+">, please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only do 'PUT' once on a given Job.")
		}
		j.uploaded, j.hasUpload = r.body, true
		return response{status: http.StatusCreated}
	}
	if r.method != http.MethodGet {
		return methodNotAllowed(r.method, "GET")
	}
	finished := j.state == stateComplete || j.state == stateFailed || j.state == stateAborted
	if !finished {
		return bulkError(http.StatusBadRequest, "INVALIDJOBSTATE", "InvalidJobState : The job is not yet complete")
	}
	switch what {
	case "successfulResults":
		return j.file([]string{"sf__Id", "sf__Created"}, j.succeeded)
	case "failedResults":
		return j.file([]string{"sf__Id", "sf__Error"}, j.failed)
	case "unprocessedrecords":
		return j.file(nil, j.unprocessed)
	}
	return failed(org.NotFound())
}

// shuffle makes sure nobody relies on the order of result rows.
func shuffle(seed int64, rows []jobRow) {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(rows))))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
}
