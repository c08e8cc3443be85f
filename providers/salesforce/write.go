package salesforce

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
)

// write is one patch on its way: which place its result takes, and what is sent for it.
type write struct {
	index  int
	patch  record.Patch
	body   object // of creates and updates
	parent string // the record it hangs on: rows under one parent go together, and meet its lock once
	// parents are all records that it hangs on: none of them may be in two calls on their way.
	parents []string
}

// object is a JSON object whose keys come in a given order, so that requests are the same every time.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encodeJSON(m.name)
		if err != nil {
			return nil, err
		}
		value, err := encodeJSON(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// saved is one entry of a collections answer.
type saved struct {
	ID      string        `json:"id"`
	Success bool          `json:"success"`
	Errors  []vendorError `json:"errors"`
}

// call is one collections call: its rows share one method and path.
type call struct {
	op     record.Op
	upsert bool
	rows   []write
}

// Write sends a batch in collections calls of at most 200 rows: creates, updates, then deletes. Creates are upserts by
// external id, so that one whose outcome was never known does no harm when it is repeated. A batch of 2,000 or more goes
// through Bulk API 2.0, as far as a file can say it.
func (r *records) Write(ctx context.Context, batch provider.Batch) ([]record.Result, error) {
	results := make([]record.Result, len(batch.Patches))
	rows := r.sort(batch.Patches, results)
	if len(batch.Patches) >= bulkFrom {
		rows = r.load(ctx, rows, results)
	}
	calls := rows.calls()
	for i, c := range calls {
		err := r.send(ctx, c, results)
		if err == nil {
			continue
		}
		if len(calls) == 1 && len(c.rows) == len(batch.Patches) {
			return nil, err
		}
		// Some rows have their result already, so the error goes to the rows it is about. What was not sent may come again.
		for _, w := range c.rows {
			results[w.index] = record.Result{ID: w.patch.ID, Err: err}
		}
		for _, later := range calls[i+1:] {
			for _, w := range later.rows {
				results[w.index] = record.Result{ID: w.patch.ID, Err: &provider.Error{Kind: provider.Transient, Op: r.doing(w.patch.Op.String()),
					Message: "not sent, because an earlier call of the batch was not answered well", Err: err}}
			}
		}
		return results, nil
	}
	return results, nil
}

// sorted are patches by what is called for them.
type sorted struct{ upserts, inserts, updates, deletes []write }

// sort encodes the patches and sorts them. A patch that can't be encoded gets its result at once.
func (r *records) sort(patches []record.Patch, results []record.Result) (s sorted) {
	for i, p := range patches {
		results[i].ID = p.ID
		w, err := r.encode(i, p)
		if err != nil {
			results[i].Err = err
			continue
		}
		switch p.Op {
		case record.Create:
			if p.Key != "" {
				s.upserts = append(s.upserts, w)
			} else {
				s.inserts = append(s.inserts, w)
			}
		case record.Update:
			if len(w.body) > 2 {
				s.updates = append(s.updates, w) // else there is nothing to change
			}
		default:
			s.deletes = append(s.deletes, w)
		}
	}
	return s
}

// calls cuts the rows into collections calls.
func (s sorted) calls() []call {
	calls := cut(call{op: record.Create, upsert: true}, s.upserts)
	calls = append(calls, cut(call{op: record.Create}, s.inserts)...)
	calls = append(calls, cut(call{op: record.Update}, s.updates)...)
	return append(calls, cut(call{op: record.Delete}, s.deletes)...)
}

// cut makes calls of rows. The org refuses a record that comes twice in one call, so that its second patch goes into a
// later one, and patches of one record keep their order. Within that, rows are sorted by parent.
func cut(c call, rows []write) []call {
	var waves [][]write
	times := map[string]int{}
	for _, w := range rows {
		name := shortID(w.patch.ID)
		if c.op == record.Create {
			name = strings.ToLower(w.patch.Key)
		}
		n := 0
		if name != "" {
			n = times[name]
			times[name]++
		}
		if n == len(waves) {
			waves = append(waves, nil)
		}
		waves[n] = append(waves[n], w)
	}
	var calls []call
	for _, wave := range waves {
		slices.SortStableFunc(wave, func(a, b write) int {
			return cmp.Or(cmp.Compare(a.parent, b.parent), cmp.Compare(a.patch.ID, b.patch.ID))
		})
		for part := range slices.Chunk(wave, rowsPerCollection) {
			next := c
			next.rows = part
			calls = append(calls, next)
		}
	}
	return calls
}

// encode makes the body of one row, its fields in the order of their names.
func (r *records) encode(i int, p record.Patch) (write, error) {
	w := write{index: i, patch: p}
	doing := p.Op.String() + " " + r.object + " record"
	switch p.Op {
	case record.Archive:
		return w, invalid(doing, "Salesforce has no archive; use delete = delete or keep")
	case record.Create:
		w.body = object{{"attributes", object{{"type", r.object}}}}
	default:
		if !validID(p.ID) {
			return w, &provider.Error{Kind: provider.NotFound, Op: doing, Message: "the record has no id that could be one of the org's"}
		}
		w.body = object{{"attributes", object{{"type", r.object}}}, {"id", p.ID}}
	}
	if p.Op == record.Delete {
		return w, nil
	}
	for _, native := range slices.Sorted(maps.Keys(p.Fields)) {
		n, ok := r.byNative[native]
		if !ok {
			return w, invalid(doing, "the field is not bound or does not exist; plan and apply again", native)
		}
		c := r.columns[n]
		v, err := c.encode(p.Fields[native])
		if err != nil {
			return w, &provider.Error{Kind: provider.Invalid, Op: doing, Fields: []string{native}, Err: err}
		}
		w.body = append(w.body, member{c.api, v})
		w.parents = append(w.parents, c.hangsOn(p.Fields[native])...)
	}
	if len(w.parents) > 0 {
		w.parent = w.parents[0]
	}
	if p.Op == record.Create {
		var err error
		if w.body, err = r.owned(r.typed(w.body), doing); err != nil {
			return w, err
		}
	}
	if p.Key == "" && !p.Unlink {
		return w, nil
	}
	if r.key == nil {
		return w, invalid(doing, "the field that keeps the other side's id does not exist; run apply first")
	}
	v, err := r.key.encode(record.OfText(p.Key))
	if err != nil {
		return w, &provider.Error{Kind: provider.Invalid, Op: doing, Fields: []string{r.key.native}, Err: err}
	}
	w.body = slices.DeleteFunc(w.body, func(m member) bool { return m.name == r.key.api })
	w.body = append(w.body, member{r.key.api, v})
	return w, nil
}

// send makes one call and fills in the results of its rows.
func (r *records) send(ctx context.Context, c call, results []record.Result) error {
	q := request{doing: r.doing(c.op.String()), write: true, rows: len(c.rows)}
	switch {
	case c.op == record.Delete:
		ids := make([]string, len(c.rows))
		for i, w := range c.rows {
			ids[i] = w.patch.ID
		}
		q.op, q.method, q.path = "DELETE composite/sobjects", http.MethodDelete, "/composite/sobjects"
		q.query = url.Values{"ids": {strings.Join(ids, ",")}, "allOrNone": {"false"}}
	case c.upsert:
		q.op, q.method = "PATCH composite/sobjects/upsert", http.MethodPatch
		q.path = "/composite/sobjects/" + r.object + "/" + r.key.api
	case c.op == record.Create:
		q.op, q.method, q.path = "POST composite/sobjects", http.MethodPost, "/composite/sobjects"
	default:
		q.op, q.method, q.path = "PATCH composite/sobjects", http.MethodPatch, "/composite/sobjects"
	}
	if c.op != record.Delete {
		bodies := make([]object, len(c.rows))
		for i, w := range c.rows {
			bodies[i] = w.body
		}
		q.body = object{{"allOrNone", false}, {"records", bodies}}
	}
	release, err := r.provider.inflight.hold(ctx, c.rows, q.doing)
	if err != nil {
		return err
	}
	var answers []saved
	err = r.client.do(ctx, q, &answers)
	release()
	if err != nil {
		if k := provider.KindOf(err); k == provider.Locked || k == provider.Unknown {
			r.size.TooLarge(len(c.rows))
		}
		return err
	}
	if len(answers) != len(c.rows) {
		return &provider.Error{Kind: provider.Unknown, Op: q.doing, Message: "the answer has another number of results than the request had records"}
	}
	locked := false
	for i, a := range answers {
		result := r.result(c.rows[i], a, q.doing)
		locked = locked || result.Err != nil && provider.KindOf(result.Err) == provider.Locked
		results[c.rows[i].index] = result
	}
	if locked {
		r.size.TooLarge(len(c.rows))
	} else {
		r.size.Went(len(c.rows))
	}
	return nil
}

// result judges one row. Success is what counts: an entry may carry messages all the same.
func (r *records) result(w write, a saved, doing string) record.Result {
	res := record.Result{ID: orElse(a.ID, w.patch.ID)}
	if a.Success {
		return res
	}
	e := fromVendor(doing, a.Errors, 0, true, "")
	if len(a.Errors) == 0 {
		e.Message = "refused without a reason"
	}
	if w.patch.Op == record.Delete && e.Kind == provider.NotFound {
		return res // gone already: what was asked for is so
	}
	e.Fields = r.natives(e.Fields)
	res.Err = e
	return res
}

// natives spells the org's field names as the contract does.
func (r *records) natives(fields []string) []string {
	for i, f := range fields {
		for _, c := range r.columns {
			if strings.EqualFold(c.api, f) {
				fields[i] = c.native
			}
		}
	}
	return fields
}
