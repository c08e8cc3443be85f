package salesforceemulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/soql"
)

var delimiters = map[string]rune{"COMMA": ',', "SEMICOLON": ';', "TAB": '\t', "PIPE": '|', "CARET": '^', "BACKQUOTE": '`'}

// chunk is how many rows are one transaction.
const chunk = 200

// run does the job: what it wrote is there when run returns, while its states are still to pass.
func (b *bulkStore) run(r *request, j *job) {
	j.start(r.e, stateComplete)
	rd := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(j.uploaded, []byte("\xef\xbb\xbf"))))
	rd.Comma = delimiters[j.delimiter]
	fail := func(message string) {
		j.message = message
		j.start(r.e, stateFailed)
	}
	header, err := rd.Read()
	if err != nil {
		fail("InvalidBatch : The 'CSV' content has no header row")
		return
	}
	j.header = header
	if bad := j.checkHeader(r); bad != "" {
		fail(bad)
		return
	}
	rd.FieldsPerRecord = len(header)
	var rows [][]string
	for {
		rec, err := rd.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fail("InvalidBatch : The 'CSV' content cannot be read: " + err.Error())
			j.leave(rows)
			return
		}
		rows = append(rows, rec)
	}
	if batches := max(1, (len(rows)+batchRows-1)/batchRows); !r.e.limits.take(bulkBatches, batches) {
		fail("ExceededQuota : The org has used up what it has for 24 hours")
		j.leave(rows)
		return
	}
	broken, from := r.e.brokenJob(len(rows))
	for i := 0; i < from; i += chunk {
		b.runChunk(r, j, rows[i:min(i+chunk, from)], i)
	}
	if broken != "" { // what was done stays done
		fail(broken)
		j.leave(rows[from:])
	}
	j.uploaded = nil
	shuffle(r.e.opts.Seed, j.succeeded)
	shuffle(r.e.opts.Seed, j.failed)
}

// batchRows is how many rows the vendor puts into one batch.
const batchRows = 10_000

// leave lists rows that the job did not come to.
func (j *job) leave(rows [][]string) {
	for _, rec := range rows {
		j.unprocessed = append(j.unprocessed, jobRow{values: rec})
	}
}

// checkHeader finds the columns that name no field.
func (j *job) checkHeader(r *request) string {
	tx := r.org.View(j.caller)
	defer tx.Commit()
	def := tx.ObjectDef(j.object)
	if def == nil {
		return "InvalidBatch : The object is gone"
	}
	for _, h := range j.header {
		name := h
		if _, after, ok := strings.Cut(h, ":"); ok { // Type:Relation.Field
			name = after
		}
		if rel, _, ok := strings.Cut(name, "."); ok {
			if def.Relation(rel) == nil {
				return "InvalidBatch : Field name not found : " + h
			}
			continue
		}
		if f := def.Field(name); f == nil || f.Name == "" || !tx.Permissions().Field(def, f).Read {
			return "InvalidBatch : Field name not found : " + h
		}
	}
	return ""
}

func (b *bulkStore) runChunk(r *request, j *job, rows [][]string, offset int) {
	tx := r.org.Begin(j.caller)
	defer tx.Rollback()
	for i, rec := range rows {
		mark := tx.Savepoint()
		row := jobRow{values: rec}
		err := r.e.itemFault("jobs/ingest", offset+i)
		if err == nil {
			row.id, row.created, err = j.save(tx, rec)
		}
		if err != nil {
			tx.RollbackTo(mark)
			row.created = false
			row.err = fmt.Sprintf("%s:%s:%s --", err.Code, err.Message, strings.Join(err.Fields, " "))
			j.failed = append(j.failed, row)
			r.e.counts.failedItem(err.Code)
			continue
		}
		j.succeeded = append(j.succeeded, row)
	}
	written := tx.Written
	r.commit(tx)
	r.e.counts.add(func(c *Counters) { c.RowsWritten += written })
}

// save does one row.
func (j *job) save(tx *org.Tx, rec []string) (id string, created bool, err *org.Error) {
	in := org.Fields{}
	for i, h := range j.header {
		v := rec[i]
		switch {
		case v == "": // ignored
		case v == "#N/A":
			in[h] = nil
		default:
			parent := h
			typ := ""
			if t, after, ok := strings.Cut(h, ":"); ok {
				typ, parent = t, after
			}
			if rel, field, ok := strings.Cut(parent, "."); ok {
				m := map[string]any{field: v}
				if typ != "" {
					m["attributes"] = map[string]any{"type": typ}
				}
				in[rel] = m
				continue
			}
			in[parent] = v
		}
	}
	switch j.operation {
	case "insert":
		id, err = tx.Insert(j.object, in)
		return id, err == nil, err
	case "upsert":
		key := take(in, j.external)
		if key == nil {
			return "", false, &org.Error{Code: "MISSING_ARGUMENT", Message: j.external + " not specified", Fields: []string{j.external}}
		}
		up, err := tx.Upsert(j.object, j.external, key, in, false)
		if err == nil && len(up.Several) > 0 {
			err = &org.Error{Code: "DUPLICATE_EXTERNAL_ID", Message: fmt.Sprintf("%s: more than one record found for external id field: %v", j.external, up.Several), Fields: []string{j.external}}
		}
		return up.ID, up.Created, err
	}
	id, _ = take(in, "Id").(string)
	if id == "" {
		return "", false, &org.Error{Code: "MISSING_ARGUMENT", Message: "Id not specified", Fields: []string{"Id"}}
	}
	switch j.operation {
	case "update":
		err = tx.Update(j.object, id, in)
	case "delete":
		err = tx.Delete(j.object, id)
	default:
		err = tx.HardDelete(j.object, id)
	}
	return tx.ID(id), false, err
}

// line writes a CSV line with every value quoted, as the vendor does.
func line(b *bytes.Buffer, delimiter rune, ending string, values []string) {
	for i, v := range values {
		if i > 0 {
			b.WriteRune(delimiter)
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(v, `"`, `""`))
		b.WriteByte('"')
	}
	if ending == "CRLF" {
		b.WriteByte('\r')
	}
	b.WriteByte('\n')
}

// file writes a result file: the given columns before those that were uploaded.
func (j *job) file(extra []string, rows []jobRow) response {
	var b bytes.Buffer
	line(&b, delimiters[j.delimiter], j.lineEnding, append(append([]string(nil), extra...), j.header...))
	for _, row := range rows {
		var first []string
		if len(extra) > 0 {
			second := row.err
			if extra[1] == "sf__Created" {
				second = strconv.FormatBool(row.created)
			}
			first = []string{row.id, second}
		}
		line(&b, delimiters[j.delimiter], j.lineEnding, append(first, row.values...))
	}
	return response{status: http.StatusOK, raw: b.Bytes(), ctype: "text/csv"}
}

// results serves the pages of a query job. The locator of the last page is the text "null".
func (j *job) results(r *request, what string) response {
	if what != "results" {
		return failed(org.NotFound())
	}
	if j.state != stateComplete {
		return bulkError(http.StatusBadRequest, "INVALIDJOBSTATE", "InvalidJobState : The job is not yet complete")
	}
	from, size := 0, 50_000
	if l := r.query.Get("locator"); l != "" && l != "null" {
		n, err := strconv.ParseInt(l, 36, 32)
		if err != nil || int(n) > j.result.len() || n < 0 {
			return bulkError(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
		}
		from = int(n)
	}
	if m := r.query.Get("maxRecords"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 {
			return bulkError(http.StatusBadRequest, "INVALID_INPUT", "maxRecords must be a positive number")
		}
		size = n
	}
	to := min(from+size, j.result.len())
	tx := r.org.View(j.caller)
	defer tx.Commit()
	var b bytes.Buffer
	line(&b, delimiters[j.delimiter], j.lineEnding, j.result.columns)
	j.result.each(tx, from, to, func(values []string) { line(&b, delimiters[j.delimiter], j.lineEnding, values) })
	locator := "null"
	if to < j.result.len() {
		locator = strconv.FormatInt(int64(to), 36)
	}
	return response{status: http.StatusOK, raw: b.Bytes(), ctype: "text/csv", header: map[string]string{"Sforce-Locator": locator, "Sforce-NumberOfRecords": strconv.Itoa(to - from)}}
}

// queryResult is what a query job found: records that are made when they are asked for or, after a restart, their values.
type queryResult struct {
	columns []string
	rows    *org.Result
	values  [][]string
}

func (q *queryResult) len() int {
	if q.rows != nil {
		return q.rows.Len()
	}
	return len(q.values)
}

// each gives the values of some records, in the order of the columns.
func (q *queryResult) each(tx *org.Tx, from, to int, give func([]string)) {
	if q.rows == nil {
		for _, values := range q.values[from:to] {
			give(values)
		}
		return
	}
	paths := make([][]string, len(q.columns))
	for i, c := range q.columns {
		paths[i] = strings.Split(c, ".")
	}
	const step = 2000 // records are large while they are made
	for ; from < to; from += step {
		for _, rec := range q.rows.Page(tx, from, min(from+step, to)) {
			values := make([]string, len(paths))
			for i, path := range paths {
				values[i] = cellText(rec, path)
			}
			give(values)
		}
	}
}

// cellText writes a value as Bulk query files hold it: datetimes end in Z, null is empty.
func cellText(rec metadata.Ordered, path []string) string {
	v := rec.Get(path[0])
	if len(path) > 1 {
		parent, ok := v.(metadata.Ordered)
		if !ok {
			return ""
		}
		return cellText(parent, path[1:])
	}
	switch v := v.(type) {
	case nil:
		return ""
	case json.RawMessage:
		return string(v)
	case string:
		if len(v) == 28 && v[10] == 'T' {
			if t, err := time.Parse(soql.DateTimeLayout, v); err == nil {
				return t.UTC().Format("2006-01-02T15:04:05.000Z")
			}
		}
		return v
	}
	return fmt.Sprint(v)
}
