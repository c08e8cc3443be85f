package salesforceemulator

import (
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// savedJob is a Bulk job with its results as it is kept across restarts.
type savedJob struct {
	ID          string        `json:"id"`
	Kind        string        `json:"kind"`
	Object      string        `json:"object"`
	Operation   string        `json:"operation"`
	External    string        `json:"external,omitempty"`
	Version     string        `json:"version"`
	User        string        `json:"user"`
	Delimiter   string        `json:"delimiter"`
	LineEnding  string        `json:"line_ending"`
	ContentType string        `json:"content_type"`
	Query       string        `json:"query,omitempty"`
	State       string        `json:"state"`
	Pending     []string      `json:"pending,omitempty"`
	Began       time.Time     `json:"began"`
	Takes       time.Duration `json:"takes,omitempty"`
	Created     string        `json:"created"`
	Modified    string        `json:"modified"`
	Message     string        `json:"message,omitempty"`
	Uploaded    []byte        `json:"uploaded,omitempty"`
	HasUpload   bool          `json:"has_upload,omitempty"`
	Header      []string      `json:"header,omitempty"`
	Succeeded   []savedRow    `json:"succeeded,omitempty"`
	Failed      []savedRow    `json:"failed,omitempty"`
	Unprocessed []savedRow    `json:"unprocessed,omitempty"`
	Columns     []string      `json:"columns,omitempty"`
	Result      [][]string    `json:"result,omitempty"`
	Caller      org.Caller    `json:"caller"`
}

type savedRow struct {
	ID      string   `json:"id,omitempty"`
	Error   string   `json:"error,omitempty"`
	Created bool     `json:"created,omitempty"`
	Values  []string `json:"values"`
}

func saveRows(rows []jobRow) []savedRow {
	out := make([]savedRow, len(rows))
	for i, r := range rows {
		out[i] = savedRow{r.id, r.err, r.created, r.values}
	}
	return out
}

func loadRows(rows []savedRow) []jobRow {
	out := make([]jobRow, len(rows))
	for i, r := range rows {
		out[i] = jobRow{r.ID, r.Error, r.Created, r.Values}
	}
	return out
}

// bulkState is all jobs, in the order they were made.
type bulkState struct {
	Next uint64     `json:"next"`
	Jobs []savedJob `json:"jobs,omitempty"`
}

// save copies the jobs.
func (b *bulkStore) save(o *org.Org) bulkState {
	b.mu.Lock()
	out := bulkState{Next: b.next}
	var jobs []*job
	for _, id := range b.ids {
		if j := b.jobs[id]; j != nil {
			jobs = append(jobs, j)
		}
	}
	b.mu.Unlock()
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, j.saved(o))
	}
	return out
}

func (j *job) saved(o *org.Org) savedJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := savedJob{j.id, j.kind, j.object, j.operation, j.external, j.version, j.user, j.delimiter, j.lineEnding, j.contentType, j.query, j.state, j.pending, j.began, j.takes,
		j.created, j.modified, j.message, j.uploaded, j.hasUpload, j.header, saveRows(j.succeeded), saveRows(j.failed), saveRows(j.unprocessed), nil, nil, j.caller}
	if j.result != nil {
		tx := o.View(j.caller)
		defer tx.Commit()
		out.Columns, out.Result = j.result.columns, make([][]string, 0, j.result.len())
		j.result.each(tx, 0, j.result.len(), func(values []string) { out.Result = append(out.Result, values) })
	}
	return out
}

// load takes up what save gave.
func (b *bulkStore) load(s bulkState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next, b.jobs, b.ids = s.Next, map[string]*job{}, nil
	for _, v := range s.Jobs {
		j := &job{id: v.ID, kind: v.Kind, object: v.Object, operation: v.Operation, external: v.External, version: v.Version, user: v.User, delimiter: v.Delimiter,
			lineEnding: v.LineEnding, contentType: v.ContentType, query: v.Query, state: v.State, pending: v.Pending, began: v.Began, takes: v.Takes, created: v.Created,
			modified: v.Modified, message: v.Message, uploaded: v.Uploaded, hasUpload: v.HasUpload, header: v.Header, succeeded: loadRows(v.Succeeded), failed: loadRows(v.Failed),
			unprocessed: loadRows(v.Unprocessed), caller: v.Caller}
		if v.Kind == "query" {
			j.result = &queryResult{columns: v.Columns, values: v.Result}
		}
		b.jobs[j.id] = j
		b.ids = append(b.ids, j.id)
	}
}
