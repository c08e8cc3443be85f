package monday

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"accord/engine/provider"
	"accord/engine/ratelimit"
	"accord/engine/record"
)

// overlap is how far a sweep looks behind the version it starts from: the order by last change comes from an index that
// may lag, and the log is written a little after the fact.
const overlap = 5 * time.Minute

// margin is what the vendor's index may lag behind its clock without a change being lost.
const margin = time.Minute

// maxLogPages bounds the walk through a board's activity log.
const maxLogPages = 100

// sweep is one walk through a board.
type sweep struct {
	*records
	since  record.Version
	latest record.Version // newest version seen anywhere
	// horizon is the version up to which the walk has surely seen all; 0 before it began.
	horizon  record.Version
	logShown bool // the activity log is read; false once it turned out to be concealed
	page     func([]record.Record) error
	seen     map[string]bool
	log      map[string]*logged // by item
	left     []string           // items that the log says were removed or moved
}

// logged is what the activity log tells of one item.
type logged struct {
	at      record.Version // newest entry
	moved   record.Version // newest that tells of a removal, a restoration or a move, which leave the item's own time alone
	actor   string
	changed map[string]record.Version // by native field
}

func (s *sweep) from() record.Version { return s.since - record.Version(overlap.Milliseconds()) }

// walk pages through the items. The first call shows the board's activity as well: one call, not two, is what a sweep of
// a quiet board costs.
func (s *sweep) walk(ctx context.Context) error {
	s.seen = map[string]bool{}
	page, err := smaller(s.p.pages, func() (*itemsPage, error) { return s.first(ctx) })
	if err != nil {
		return err
	}
	for {
		old, err := s.emit(page)
		if err != nil || old || page.Cursor == "" {
			return err
		}
		cursor := page.Cursor
		if page, err = smaller(s.p.pages, func() (*itemsPage, error) { return s.next(ctx, cursor) }); err != nil {
			return err
		}
	}
}

// smaller does a read again with smaller and smaller pages while the vendor finds it too dear.
func smaller[T any](size *ratelimit.Size, read func() (T, error)) (T, error) {
	for {
		n := size.Get()
		v, err := read()
		if err == nil {
			size.Went(n)
			return v, nil
		}
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != codeTooDear {
			return v, err
		}
		if size.TooLarge(n); size.Get() == n {
			return v, err
		}
	}
}

// emit hands a page over. Old says that it reached what had not changed since.
func (s *sweep) emit(page *itemsPage) (old bool, err error) {
	batch := make([]record.Record, 0, len(page.Items))
	for _, row := range page.Items {
		rec, err := s.record(row)
		if err == nil {
			err = s.whole(&rec, s.columns)
		}
		if err != nil {
			return false, err
		}
		if s.since > 0 && rec.Version < s.from() {
			old = true
			continue
		}
		s.seen[rec.ID] = true
		s.enrich(&rec)
		s.latest = max(s.latest, rec.Version)
		batch = append(batch, rec)
	}
	if len(batch) == 0 {
		return old, nil
	}
	return old, s.page(batch)
}

// sweptBoard is a board as the first call of a sweep shows it.
type sweptBoard struct {
	Page *itemsPage `json:"items_page"`
	Logs *[]logRow  `json:"activity_logs"`
}

func (s *sweep) first(ctx context.Context) (*itemsPage, error) {
	what := "list items of board " + s.boardName()
	d := newDocument("query", "list")
	query, log := "", ""
	if s.since > 0 {
		order := map[string]any{"order_by": []any{map[string]any{"column_id": "__last_updated__", "direction": "desc"}}}
		query = ",query_params:" + d.variable("query", "ItemsQuery", order)
		if s.logShown {
			log = s.logField(d, 1)
		}
	}
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{s.board}), "){", log, "items_page(limit:", d.variable("limit", "Int!", s.p.pages.Get()), query, "){cursor items{...item}}}")
	d.itemFragment(s.columns)
	started := s.p.clock()
	a, err := s.p.client.call(ctx, d.request(what, "items_page", s.p.pages.Get()))
	if err != nil {
		if log != "" && s.concealed(err) {
			return s.first(ctx)
		}
		return nil, err
	}
	var boards []sweptBoard
	if err := a.decode("boards", &boards); err != nil {
		if log != "" && s.concealed(err) {
			return s.first(ctx)
		}
		return nil, err
	}
	if len(boards) == 0 {
		return nil, s.hidden("list items")
	}
	s.note(started, a.date)
	if log != "" {
		if err := s.readLog(ctx, a, boards[0].Logs); err != nil {
			return nil, err
		}
	}
	if boards[0].Page == nil {
		if err := a.part("boards"); err != nil {
			return nil, err
		}
		return nil, s.hidden("list items")
	}
	return boards[0].Page, nil
}

// note sets how far the walk reaches: no further than the earlier of both clocks when it began, with room for the
// vendor's index. Without it a board at rest would be read again from its last change with every sweep.
func (s *sweep) note(started, answered time.Time) {
	if !answered.IsZero() && answered.Before(started) {
		started = answered
	}
	if s.horizon == 0 {
		s.horizon = record.VersionAt(started) - record.Version(margin.Milliseconds())
	}
}

func (s *sweep) next(ctx context.Context, cursor string) (*itemsPage, error) {
	d := newDocument("query", "list")
	d.add("page:next_items_page(cursor:", d.variable("cursor", "String!", cursor), ",limit:", d.variable("limit", "Int!", s.p.pages.Get()), "){cursor items{...item}}")
	d.itemFragment(s.columns)
	a, err := s.p.client.call(ctx, d.request("list items of board "+s.boardName(), "items_page", s.p.pages.Get()))
	if err != nil {
		return nil, err
	}
	var page itemsPage
	return &page, a.decode("page", &page)
}

// enrich adds what the log knows: who changed the item last, and when each column changed, for types whose cells carry
// no time.
func (s *sweep) enrich(rec *record.Record) {
	l := s.log[rec.ID]
	if l == nil {
		return
	}
	rec.Version = max(rec.Version, l.moved)
	// The log is finer than the item's own time, which is in whole seconds.
	if l.at >= rec.Version {
		rec.Actor = l.actor
	}
	for field, at := range l.changed {
		if _, shown := rec.Fields[field]; shown && at > rec.Changed[field] {
			if rec.Changed == nil {
				rec.Changed = map[string]record.Version{}
			}
			rec.Changed[field] = at
		}
	}
}

// gone reports what the log says left the board: each is looked up, because it may have come back.
func (s *sweep) gone(ctx context.Context) error {
	if s.since == 0 {
		return nil
	}
	var ids []string
	for _, i := range unique(s.left) {
		if !s.seen[i] {
			ids = append(ids, i)
		}
	}
	for len(ids) > 0 {
		var batch []string
		batch, ids = cut(ids, maxPage)
		found, err := s.Read(ctx, batch)
		if err != nil {
			return err
		}
		for i := range found {
			s.enrich(&found[i])
			if l := s.log[found[i].ID]; l != nil {
				found[i].Version = max(found[i].Version, l.at)
				found[i].Actor = l.actor
			}
			s.latest = max(s.latest, found[i].Version)
		}
		if err := s.page(found); err != nil {
			return err
		}
	}
	return nil
}

type logRow struct {
	ID      id     `json:"id"`
	Event   string `json:"event"`
	Data    string `json:"data"`
	UserID  string `json:"user_id"`
	Created string `json:"created_at"`
}

type logData struct {
	PulseID  id     `json:"pulse_id"`
	ItemID   id     `json:"item_id"`
	ColumnID string `json:"column_id"`
}

// concealed says whether an error is the activity log's alone, and remembers to do without it. A log that our user may
// not see costs knowledge of removals, not of changes.
func (s *sweep) concealed(err error) bool {
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Denied && e.Kind != provider.Invalid {
		return false
	}
	s.logShown = false
	s.p.log.Warn("the activity log can't be read: removed items are found by the next full walk only", "board", s.boardName(), "code", e.Code)
	return true
}

// logField asks for one page of the board's activity.
func (s *sweep) logField(d *document, page int) string {
	return "activity_logs(from:" + d.variable("from", "ISO8601DateTime", s.from().Time().Format(time.RFC3339)) +
		",limit:1000,page:" + d.variable("page", "Int", page) + "){id event data user_id created_at} "
}

// readLog takes the first page of the board's activity, and reads on while there is more.
func (s *sweep) readLog(ctx context.Context, a *answer, rows *[]logRow) error {
	s.log, s.left = map[string]*logged{}, nil
	for page := 1; ; page++ {
		if rows == nil {
			if err := a.part("boards"); err != nil && !s.concealed(err) {
				return err
			}
			return nil
		}
		for _, row := range *rows {
			s.take(row)
		}
		if len(*rows) < maxLogs {
			return nil
		}
		if page == maxLogPages {
			s.p.log.Warn("the activity log is longer than a sweep reads", "board", s.boardName(), "rows", maxLogPages*maxLogs)
			return nil
		}
		var err error
		if a, rows, err = s.logPage(ctx, page+1); err != nil {
			return err
		}
	}
}

func (s *sweep) logPage(ctx context.Context, page int) (*answer, *[]logRow, error) {
	d := newDocument("query", "activity")
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{s.board}), "){", s.logField(d, page), "}")
	a, err := s.p.client.call(ctx, d.request("read the activity log of board "+s.boardName(), "activity_logs", maxLogs))
	if err != nil {
		return nil, nil, err
	}
	var boards []sweptBoard
	if err := a.decode("boards", &boards); err != nil {
		return nil, nil, err
	}
	if len(boards) == 0 {
		return nil, nil, s.hidden("read the activity log")
	}
	return a, boards[0].Logs, nil
}

func (s *sweep) take(row logRow) {
	var data logData
	if err := json.Unmarshal([]byte(row.Data), &data); err != nil {
		return
	}
	item := string(data.PulseID)
	if item == "" {
		item = string(data.ItemID)
	}
	if !isID(item) {
		return
	}
	at := ticks(row.Created)
	s.latest = max(s.latest, at)
	l := s.log[item]
	if l == nil {
		l = &logged{changed: map[string]record.Version{}}
		s.log[item] = l
	}
	if at >= l.at {
		l.at, l.actor = at, actor(row.UserID)
	}
	switch row.Event {
	case "update_column_value":
		if c := s.byID[data.ColumnID]; c != nil {
			l.changed[c.field] = max(l.changed[c.field], at)
		}
	case "update_name":
		l.changed[nameColumn] = max(l.changed[nameColumn], at)
	case "archive_pulse", "delete_pulse", "restore_pulse", "move_pulse_from_board", "move_pulse_into_board":
		s.left = append(s.left, item)
		l.moved = max(l.moved, at)
	}
}

// actor is the id of a person; automations have negative ones.
func actor(user string) string {
	if isID(user) {
		return user
	}
	return ""
}

// ticks reads the log's time: 100-nanosecond steps since the Unix epoch, in 17 digits.
func ticks(s string) record.Version {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return record.Version(n / 10_000)
}
