package monday

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"accord/engine/provider"
	"accord/engine/record"
)

// Write sends the patches as aliased mutations: up to 100 in one call, carried out in order, each failing alone. A batch
// of 200 or more goes by file, as far as one can say it.
func (r *records) Write(ctx context.Context, batch provider.Batch) ([]record.Result, error) {
	if len(batch.Patches) == 0 {
		return nil, nil
	}
	what := "write items of board " + r.boardName()
	if r.board == "" {
		return nil, &provider.Error{Kind: provider.Invalid, Op: what, Message: "the board does not exist yet: plan and apply make it"}
	}
	if batch.Key != "" && !batch.Sent.IsZero() && r.p.clock().Sub(batch.Sent) > keyLife {
		// The vendor forgets keys after 30 minutes: sending it now could carry it out twice.
		return nil, &provider.Error{Kind: provider.Unknown, Op: what, Message: "the batch's idempotency key has expired: look its items up before writing them again"}
	}
	release, err := r.p.client.lock(ctx, r.board)
	if err != nil {
		return nil, &provider.Error{Kind: provider.Transient, Op: what, Err: err}
	}
	defer release()
	results := make([]record.Result, len(batch.Patches))
	if len(batch.Patches) >= bulkFrom && r.loads() {
		err = r.load(ctx, batch, results)
	} else {
		err = r.mutateAll(ctx, batch.Key, batch.Patches, results)
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}

// mutateAll writes patches by mutations. It returns an error only when it is about all of them.
func (r *records) mutateAll(ctx context.Context, key string, patches []record.Patch, results []record.Result) error {
	for start := 0; start < len(patches); start += maxRows {
		end := min(start+maxRows, len(patches))
		part := key
		if key != "" && len(patches) > maxRows {
			part += "-" + strconv.Itoa(start/maxRows)
		}
		err := r.writeChunk(ctx, part, patches[start:end], results[start:end])
		if err == nil {
			continue
		}
		if start == 0 && end == len(patches) {
			return err
		}
		spread(err, results[start:end], results[end:])
		break
	}
	return nil
}

// spread gives a chunk's error to its rows, and to those after it, which were not sent, one that says so.
func spread(err error, failed, unsent []record.Result) {
	for i := range failed {
		if failed[i].Err == nil {
			failed[i] = record.Result{Err: err}
		}
	}
	var e *provider.Error
	kind := provider.Transient
	if errors.As(err, &e) && e.Kind != provider.Unknown {
		kind = e.Kind
	}
	for i := range unsent {
		unsent[i] = record.Result{Err: &provider.Error{Kind: kind, Op: "write items", Message: "not sent, because the part of the batch before it went wrong", Err: err}}
	}
}

// mutation is one patch that is sent.
type mutation struct {
	row     int
	alias   string
	columns []boundColumn // written
}

// chunk is the document of up to 100 patches.
type chunk struct {
	*document
	board, group string // how to refer to them
	sent         []mutation
	written      map[string]boundColumn // by id
	operations   map[string]bool
}

func (r *records) writeChunk(ctx context.Context, key string, patches []record.Patch, results []record.Result) error {
	c := &chunk{document: newDocument("mutation", "write"), written: map[string]boundColumn{}, operations: map[string]bool{}}
	c.board = c.variable("board", "ID!", r.board)
	if r.group != "" {
		c.group = ",group_id:" + c.variable("group", "String", r.group)
	}
	for i, p := range patches {
		values, columns, err := r.values(p)
		if err != nil {
			results[i] = record.Result{ID: p.ID, Err: err}
			continue
		}
		if p.Op == record.Update && len(values) == 0 {
			results[i] = record.Result{ID: p.ID}
			continue
		}
		c.mutate(i, p, values)
		c.sent = append(c.sent, mutation{i, "m" + strconv.Itoa(i), columns})
		for _, column := range columns {
			c.written[column.id] = column
		}
	}
	if len(c.sent) == 0 {
		return nil
	}
	c.itemFragment(inOrder(c.written))
	if !c.operations["create_item"] {
		c.drop("group", "$group:String")
		if !c.operations["change_multiple_column_values"] {
			c.drop("board", "$board:ID!")
		}
	}
	request := c.request("write items of board "+r.boardName(), operationOf(c.operations), len(c.sent))
	request.key = key
	a, err := r.p.client.call(ctx, request)
	r.adapt(len(c.sent), err)
	if err != nil {
		return err
	}
	for _, m := range c.sent {
		results[m.row] = r.result(a, m, patches[m.row])
	}
	return nil
}

// mutate adds one patch to the document, under an alias of its row.
func (c *chunk) mutate(row int, p record.Patch, values map[string]any) {
	n := strconv.Itoa(row)
	operation := ""
	switch p.Op {
	case record.Create:
		operation = "create_item"
		name, _ := values[nameColumn].(string)
		delete(values, nameColumn)
		c.add("m"+n, ":create_item(board_id:", c.board, c.group, ",item_name:", c.variable("n"+n, "String!", name),
			",column_values:", c.variable("v"+n, "JSON", text(values)), "){...item}")
	case record.Update:
		operation = "change_multiple_column_values"
		c.add("m"+n, ":change_multiple_column_values(board_id:", c.board, ",item_id:", c.variable("i"+n, "ID", p.ID),
			",column_values:", c.variable("v"+n, "JSON!", text(values)), "){...item}")
	case record.Archive:
		operation = "archive_item"
		c.add("m"+n, ":archive_item(item_id:", c.variable("i"+n, "ID", p.ID), "){...item}")
	default:
		operation = "delete_item"
		c.add("m"+n, ":delete_item(item_id:", c.variable("i"+n, "ID", p.ID), "){...item}")
	}
	c.operations[operation] = true
}

// drop takes back a variable that nothing uses: the vendor refuses documents with one.
func (d *document) drop(name, parameter string) {
	d.parameters = slices.DeleteFunc(d.parameters, func(p string) bool { return p == parameter })
	delete(d.variables, name)
}

// operationOf names a document for audits and prices: by its one operation, or as a mix.
func operationOf(operations map[string]bool) string {
	if len(operations) == 1 {
		for o := range operations {
			return o
		}
	}
	return "write_items"
}

func inOrder(columns map[string]boundColumn) []boundColumn {
	list := make([]boundColumn, 0, len(columns))
	for _, c := range columns {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b boundColumn) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return list
}

// text is column_values: JSON in a text, keys in order.
func text(values map[string]any) string {
	b, err := json.Marshal(values)
	if err != nil {
		return "{}" // values hold text, numbers and lists of them: this can't happen
	}
	return string(b)
}

// values encodes what a patch writes, by column id.
func (r *records) values(p record.Patch) (map[string]any, []boundColumn, error) {
	op := p.Op.String() + " an item of board " + r.boardName()
	invalid := func(field, message string) error {
		return &provider.Error{Kind: provider.Invalid, Op: op, Fields: []string{field}, Message: message}
	}
	if p.Op != record.Create && !isID(p.ID) {
		return nil, nil, &provider.Error{Kind: provider.Invalid, Op: op, Message: fmt.Sprintf("%q is no id of an item", clip(p.ID))}
	}
	if p.Op == record.Archive || p.Op == record.Delete {
		return nil, nil, nil
	}
	fields := p.Fields.Clone()
	if p.Key != "" || p.Unlink {
		if r.key == nil {
			return nil, nil, invalid(r.spec.Key.Name, "the key column does not exist yet: plan and apply make it")
		}
		if fields == nil {
			fields = record.Fields{}
		}
		fields[r.key.field] = record.OfText(p.Key)
	}
	values := map[string]any{}
	var columns []boundColumn
	for i := range r.columns {
		c := &r.columns[i]
		v, ok := fields[c.field]
		if !ok {
			continue
		}
		delete(fields, c.field)
		encoded, err := c.encode(v)
		if err != nil {
			return nil, nil, invalid(c.field, err.Error())
		}
		if p.Op == record.Create && encoded == nil {
			continue // a new item is empty
		}
		if c.id == nameColumn && encoded == nil {
			return nil, nil, invalid(c.field, "an item's name can't be empty")
		}
		values[c.id] = encoded
		columns = append(columns, *c)
	}
	if names := sortedNames(fields); len(names) > 0 {
		return nil, nil, invalid(names[0], "the column does not exist yet, or is not bound: plan and apply make it")
	}
	if p.Op == record.Create && values[nameColumn] == nil {
		return nil, nil, invalid(nameColumn, "an item needs a name: map a field to name")
	}
	return values, columns, nil
}

func sortedNames(f record.Fields) []string {
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// result reads what the vendor says of one mutation.
func (r *records) result(a *answer, m mutation, p record.Patch) record.Result {
	var row *itemRow
	if err := a.decode(m.alias, &row); err != nil {
		return record.Result{ID: p.ID, Err: a.blame(err, m)}
	}
	if row == nil || row.ID == "" {
		return record.Result{ID: p.ID, Err: &provider.Error{
			Kind: provider.Unknown, Op: a.request.what, RequestID: a.requestID, Message: "the answer shows neither the item nor an error",
		}}
	}
	out := record.Result{ID: string(row.ID)}
	rec, err := r.record(row)
	if err != nil {
		// The write is confirmed; that its outcome can't be read is found out by the next read.
		r.p.log.Warn("a written item can't be read back", "item", out.ID, "error", err)
		return out
	}
	out.Version = rec.Version
	for _, c := range m.columns {
		if v, shown := rec.Fields[c.field]; shown {
			if out.Fields == nil {
				out.Fields = record.Fields{}
			}
			out.Fields[c.field] = v
		}
	}
	return out
}

// innerTypes are the vendor's own names of column types, as its errors have them, where they are not those of its API.
var innerTypes = map[string]string{
	"color": "status", "multiple-person": "people", "long-text": "long_text", "numeric": "numbers", "timerange": "timeline",
	"board-relation": "board_relation", "boolean": "checkbox",
}

// blame names the fields at fault where the vendor tells only what type of column it was.
func (a *answer) blame(err error, m mutation) error {
	var e *provider.Error
	if !errors.As(err, &e) || len(e.Fields) > 0 {
		return err
	}
	typ := a.columnType(m.alias)
	switch e.Code {
	case "InvalidUserIdException":
		typ = "people"
	case "ItemNameTooLongException":
		typ = nameColumn
	}
	if inner, ok := innerTypes[typ]; ok {
		typ = inner
	}
	for _, c := range m.columns {
		if c.typ == typ {
			e.Fields = append(e.Fields, c.field)
		}
	}
	return err
}

// columnType is what the error of a part says of the column's type.
func (a *answer) columnType(alias string) string {
	for i := range a.errors {
		if e := &a.errors[i]; len(e.Path) > 0 && e.Path[0] == alias {
			for _, d := range e.data() {
				if d.Type != "" {
					return d.Type
				}
			}
		}
	}
	return ""
}

// adapt teaches the batch size.
func (r *records) adapt(rows int, err error) {
	switch kind := provider.KindOf(err); {
	case err == nil:
		r.p.batch.Went(rows)
	case kind == provider.Locked, kind == provider.Unknown, kind == provider.Throttled:
		r.p.batch.TooLarge(rows)
	}
}
