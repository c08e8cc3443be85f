package monday

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

// maxRestarts is how often a walk through a board begins again because its cursor died (valid for 60 minutes).
const maxRestarts = 3

// records are the items of one board, as one object of the contract sees them.
type records struct {
	p       *Provider
	spec    provider.ObjectSpec
	board   string // id; "" = it does not exist yet
	group   string // id of the group that new items go to; "" = the board's first
	key     *boundColumn
	columns []boundColumn // mapped and existing, by native name; the key among them
	byID    map[string]*boundColumn
}

var _ provider.Records = (*records)(nil)

// Records opens the items of one object's board.
func (p *Provider) Records(b provider.Binding) (provider.Records, error) {
	r := &records{p: p, spec: b.Spec, byID: map[string]*boundColumn{}}
	byAddress := map[string]resource.Resource{}
	for _, x := range b.Resources {
		byAddress[x.Address] = x
	}
	names := newNames(b.Spec)
	r.board = byAddress[names.board].ID
	if names.group != "" {
		r.group = byAddress[names.group].ID
	}
	fields := slices.Clone(b.Spec.Fields)
	if b.Spec.Key.Name != "" {
		fields = append(fields, b.Spec.Key)
	}
	bound := map[string]bool{}
	for _, f := range fields {
		if bound[f.Name] {
			continue
		}
		bound[f.Name] = true
		x, ok := byAddress[names.column(f.Name)]
		if f.Name == nameColumn {
			x = resource.Resource{ID: nameColumn, Attributes: map[string]any{"type": nameColumn}}
		} else if !ok || x.ID == "" || r.board == "" {
			continue
		}
		c, err := bindColumn(f.Name, x)
		if err != nil {
			return nil, err
		}
		r.columns = append(r.columns, c)
	}
	slices.SortFunc(r.columns, func(a, b boundColumn) int { return strings.Compare(a.field, b.field) })
	for i := range r.columns {
		c := &r.columns[i]
		r.byID[c.id] = c
		if c.field == b.Spec.Key.Name {
			r.key = c
		}
	}
	return r, nil
}

// Shapes describes the bound columns.
func (r *records) Shapes() map[string]record.Shape {
	shapes := make(map[string]record.Shape, len(r.columns))
	for _, c := range r.columns {
		shapes[c.field] = c.shape
	}
	return shapes
}

// Lane is the board: simultaneous mutations on one collide.
func (r *records) Lane() string { return r.board }

// Limits of writing: one writer a board, because simultaneous mutations on a board collide (Development best practices).
func (r *records) Limits() provider.Limits {
	l := provider.Limits{BatchSize: r.p.batch.Get(), SearchLag: searchLag, Parallel: 1}
	if r.loads() {
		l.BulkFrom, l.BulkSize, l.BulkCalls, l.BulkTime = bulkFrom, bulkRows, bulkCalls, bulkTime
		l.BulkOps, l.BulkResumes = []record.Op{record.Create}, true
	}
	return l
}

func (r *records) boardName() string { return r.spec.Settings["board"] }

// Count is the number of items that the board itself tells.
func (r *records) Count(ctx context.Context) (int, error) {
	if r.board == "" {
		return 0, nil
	}
	d := newDocument("query", "count")
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{r.board}), "){items_count}")
	a, err := r.p.client.call(ctx, d.request("count items on board "+r.boardName(), "boards", 0))
	if err != nil {
		return 0, err
	}
	var boards []struct {
		Count *int `json:"items_count"`
	}
	if err := a.decode("boards", &boards); err != nil {
		return 0, err
	}
	if len(boards) == 0 || boards[0].Count == nil {
		return 0, r.hidden("count items")
	}
	return *boards[0].Count, nil
}

// hidden is the error of a board that is not shown though its id is known: deleted, or our user is not on it.
func (r *records) hidden(doing string) error {
	return &provider.Error{
		Kind: provider.Hidden, Op: doing + " on board " + r.boardName(),
		Message: "board " + r.board + " is not shown to our user: it was deleted, or the user behind the token is not subscribed to it",
	}
}

// itemRow is an item as the item fragment shows it.
type itemRow struct {
	ID        id     `json:"id"`
	Name      string `json:"name"`
	State     string `json:"state"`
	UpdatedAt string `json:"updated_at"`
	Board     *struct {
		ID id `json:"id"`
	} `json:"board"`
	Cells []cell `json:"column_values"`
}

// itemFragment defines the fragment "item" of the given columns. CALCULATED is asked for because columns that roll up
// are left out of the answer otherwise.
func (d *document) itemFragment(columns []boundColumn) {
	types := map[string]bool{}
	ids := []string{}
	for _, c := range columns {
		if c.id == nameColumn {
			continue
		}
		ids = append(ids, c.id)
		types[c.typ] = true
	}
	slices.Sort(ids)
	var b strings.Builder
	b.WriteString("fragment item on Item{id name state updated_at board{id}")
	if len(ids) > 0 {
		b.WriteString(" column_values(ids:" + d.variable("columns", "[String!]", ids) + ",capabilities:[CALCULATED]){id type text value")
		list := make([]string, 0, len(types))
		for t := range types {
			list = append(list, t)
		}
		slices.Sort(list)
		for _, t := range list {
			if s := selections[t]; s != "" {
				b.WriteString(" ...on " + s)
			}
		}
		b.WriteString("}")
	}
	b.WriteString("}")
	d.fragment(b.String())
}

// record reads an item. A cell that can't be read is an error: leaving it out would look like a hidden column.
func (r *records) record(row *itemRow) (record.Record, error) {
	updated, _ := parseTime(row.UpdatedAt)
	out := record.Record{
		ID: string(row.ID), State: stateOf(row.State), Version: record.VersionAt(updated), Fields: record.Fields{},
	}
	for i := range row.Cells {
		c := &row.Cells[i]
		b := r.byID[c.ID]
		if b == nil {
			continue
		}
		v, err := b.decode(c)
		if err != nil {
			return record.Record{}, &provider.Error{
				Op: "read item " + out.ID + " of board " + r.boardName(), Fields: []string{b.field}, Err: fmt.Errorf("read column %s: %w", b.id, err),
			}
		}
		out.Fields[b.field] = v
		if at := c.changedAt(); at > 0 {
			if out.Changed == nil {
				out.Changed = map[string]record.Version{}
			}
			out.Changed[b.field] = at
		}
		if b == r.key {
			out.Key = v.Part(0)
		}
	}
	if r.byID[nameColumn] != nil {
		out.Fields[nameColumn] = record.OfText(row.Name)
	}
	return out, nil
}

func stateOf(s string) record.State {
	switch s {
	case "active", "":
		return record.Live
	case "archived":
		return record.Archived
	case "deleted":
		return record.Deleted
	default:
		return record.Missing
	}
}

// outside is the state of an item on another board: one that was deleted there is gone all the same.
func outside(state string) record.State {
	if s := stateOf(state); s != record.Live {
		return s
	}
	return record.Outside
}

// whole refuses items of which a bound column is not shown: without its key every item would look like one that belongs to
// nobody, and be paired or made again; and nobody would learn that another column is not followed any more.
func (r *records) whole(rec *record.Record, columns []boundColumn) error {
	if rec.State != record.Live {
		return nil
	}
	for _, c := range columns {
		if _, shown := rec.Fields[c.field]; !shown {
			return &provider.Error{
				Kind: provider.Hidden, Op: "read items of board " + r.boardName(), Fields: []string{c.field},
				Message: "column " + c.id + " is not shown to our user: it was deleted, or its view is restricted",
			}
		}
	}
	return nil
}

// shown insists that our user still sees the board: an item that is not shown on one that is not shown may well be there.
func (r *records) shown(ctx context.Context, doing string) error {
	d := newDocument("query", "shown")
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{r.board}), "){id}")
	a, err := r.p.client.call(ctx, d.request("look for board "+r.boardName(), "boards", 0))
	if err != nil {
		return err
	}
	var boards []struct{ ID id }
	if err := a.decode("boards", &boards); err != nil {
		return err
	}
	if len(boards) == 0 {
		return r.hidden(doing)
	}
	return nil
}

// Read looks items up by id: 100 a list, and up to five lists a call.
func (r *records) Read(ctx context.Context, ids []string) ([]record.Record, error) {
	found := make(map[string]record.Record, len(ids))
	rest := slices.DeleteFunc(unique(ids), func(i string) bool { return !isID(i) })
	if r.board == "" {
		rest = nil
	}
	for len(rest) > 0 {
		var batch []string
		_, err := smaller(r.p.pages, func() (int, error) {
			batch, _ = cut(rest, r.p.pages.Get())
			return len(batch), r.readBatch(ctx, batch, found)
		})
		if err != nil {
			return nil, err
		}
		rest = rest[len(batch):]
	}
	if r.board != "" && slices.ContainsFunc(ids, func(x string) bool { _, ok := found[x]; return isID(x) && !ok }) {
		if err := r.shown(ctx, "read items"); err != nil {
			return nil, err
		}
	}
	out := make([]record.Record, len(ids))
	for i, x := range ids {
		if f, ok := found[x]; ok {
			out[i] = f
			out[i].Fields, out[i].Changed = f.Fields.Clone(), maps.Clone(f.Changed) // an id may be asked for twice
		} else {
			out[i] = record.Record{ID: x, State: record.Missing}
		}
	}
	return out, nil
}

func (r *records) readBatch(ctx context.Context, ids []string, found map[string]record.Record) error {
	d := newDocument("query", "read")
	var aliases []string
	rows := len(ids)
	for len(ids) > 0 {
		var chunk []string
		chunk, ids = cut(ids, maxItems)
		alias := fmt.Sprintf("i%d", len(aliases))
		aliases = append(aliases, alias)
		d.add(alias, ":items(ids:", d.variable(alias, "[ID!]", chunk), ",limit:100){...item}")
	}
	d.itemFragment(r.columns)
	a, err := r.p.client.call(ctx, d.request("read items of board "+r.boardName(), "items", rows))
	if err != nil {
		return err
	}
	for _, alias := range aliases {
		var items []*itemRow
		if err := a.decode(alias, &items); err != nil {
			return err
		}
		for _, row := range items {
			if row == nil || row.Board == nil {
				continue
			}
			if string(row.Board.ID) != r.board {
				// Moved to another board, where it keeps its id (move_item_to_board), or a subitem: not one of this object's
				// records, whatever its columns say there.
				updated, _ := parseTime(row.UpdatedAt)
				found[string(row.ID)] = record.Record{ID: string(row.ID), State: outside(row.State), Version: record.VersionAt(updated)}
				continue
			}
			rec, err := r.record(row)
			if err == nil {
				err = r.whole(&rec, r.columns)
			}
			if err != nil {
				return err
			}
			found[rec.ID] = rec
		}
	}
	return nil
}

// Find searches the key column, 100 keys a call.
func (r *records) Find(ctx context.Context, keys []string) (map[string][]string, error) {
	found := map[string][]string{}
	if r.board == "" || r.key == nil {
		return found, nil // where nothing can carry a key, nothing does
	}
	rest := unique(keys)
	for len(rest) > 0 {
		var batch []string
		batch, rest = cut(rest, maxKeys)
		if err := r.findBatch(ctx, batch, found); err != nil {
			return nil, err
		}
	}
	for k := range found {
		found[k] = unique(found[k])
	}
	if len(found) < len(unique(keys)) {
		return found, r.shown(ctx, "find items by key")
	}
	return found, nil
}

func (r *records) findBatch(ctx context.Context, keys []string, found map[string][]string) error {
	what := "find items of board " + r.boardName() + " by key"
	wanted := map[string]bool{}
	for _, k := range keys {
		wanted[k] = true
	}
	cursor := ""
	for {
		d := newDocument("query", "find")
		if cursor == "" {
			d.add("page:items_page_by_column_values(board_id:", d.variable("board", "ID!", r.board),
				",columns:", d.variable("search", "[ItemsPageByColumnValuesQuery!]", []any{map[string]any{"column_id": r.key.id, "column_values": keys}}),
				",limit:500){cursor items{...item}}")
		} else {
			d.add("page:next_items_page(cursor:", d.variable("cursor", "String!", cursor), ",limit:500){cursor items{...item}}")
		}
		d.itemFragment([]boundColumn{*r.key})
		a, err := r.p.client.call(ctx, d.request(what, "items_page_by_column_values", len(keys)))
		if err != nil {
			return err
		}
		var page itemsPage
		if err := a.decode("page", &page); err != nil {
			return err
		}
		for _, row := range page.Items {
			rec, err := r.record(row)
			if err == nil {
				err = r.whole(&rec, []boundColumn{*r.key})
			}
			if err != nil {
				return err
			}
			// The search may fold case or white space; the key does not.
			if wanted[rec.Key] && rec.State == record.Live {
				found[rec.Key] = append(found[rec.Key], rec.ID)
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
}

type itemsPage struct {
	Cursor string     `json:"cursor"`
	Items  []*itemRow `json:"items"`
}

// List walks through the board; with since > 0, in the order of last change and no further than that, and through the
// board's activity log for what was removed.
func (r *records) List(ctx context.Context, since record.Version, page func([]record.Record) error) (record.Version, error) {
	if r.board == "" {
		return since, nil
	}
	s := &sweep{records: r, since: since, latest: since, page: page, logShown: true}
	for restart := 0; ; restart++ {
		err := s.walk(ctx)
		if err == nil {
			break
		}
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != "CursorException" || restart == maxRestarts {
			return 0, err
		}
		r.p.log.Warn("the cursor died, the walk begins again", "board", r.boardName(), "restart", restart+1)
	}
	if err := s.gone(ctx); err != nil {
		return 0, err
	}
	return max(s.latest, s.horizon), nil
}
