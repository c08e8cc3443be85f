package monday

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"accord/engine/provider"
	"accord/engine/resource"
)

// maxRevisions is how often an update is worked out anew because somebody else changed the column in between.
const maxRevisions = 3

// columnRow is a column as the vendor shows it.
type columnRow struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Type     string          `json:"type"`
	Archived bool            `json:"archived"`
	Settings json.RawMessage `json:"settings"`
	Revision string          `json:"revision"`
}

const columnFields = "{id title type archived settings revision}"

func (c *columnRow) settings(address string) (*settings, error) {
	var s settings
	if err := loose(c.Settings, &s); err != nil {
		return nil, &provider.Error{Op: "describe " + address, Err: fmt.Errorf("read the settings of column %s: %w", c.ID, err)}
	}
	return &s, nil
}

func (s *description) describeColumn(r resource.Resource, b *boardRow) (resource.Resource, bool, error) {
	name := r.ID
	if name == "" {
		name = nativeName(r)
	}
	i := slices.IndexFunc(b.Columns, func(c columnRow) bool { return c.ID == name && !c.Archived })
	if i < 0 {
		if r.ID != "" {
			return r, false, hiddenError(r, "the column was deleted (its id stays reserved on the board), or is hidden from our user")
		}
		return r, false, nil
	}
	have, err := describeColumn(r, &b.Columns[i], func(address string) string { return s.boardIDs[address] })
	return have, true, err
}

// nativeName is the last step of a column's address: the id that it has, or is to have.
func nativeName(r resource.Resource) string {
	return unescape(lastStep(r.Address))
}

// describeColumn describes a column as it is. Of labels, colours and connected boards it shows what is wanted and there,
// so that what others added is no difference, and all choices apart from that.
func describeColumn(r resource.Resource, c *columnRow, boardID func(address string) string) (resource.Resource, error) {
	if want, _ := r.Attributes["type"].(string); want != "" && want != c.Type {
		return r, &provider.Error{
			Kind: provider.Invalid, Op: "describe " + r.Address,
			Message: fmt.Sprintf("column %q is of type %s, and the contract asks for %s: change the contract, or name another column", c.ID, c.Type, want),
		}
	}
	s, err := c.settings(r.Address)
	if err != nil {
		return r, err
	}
	attributes := map[string]any{"type": c.Type, "title": c.Title}
	if many, ok := s.many(c.Type); ok {
		attributes["multiple"] = many
	}
	if stars, ok := s.stars(); ok && c.Type == "rating" {
		attributes["limit"] = stars
	}
	if c.Type == "status" || c.Type == "dropdown" {
		labels := s.labelsOf()
		attributes["choices"] = attributeOfLabels(labels)
		showWanted(attributes, wanted(r.Attributes), labels)
	}
	if boards, _ := r.Attributes["boards"].([]any); len(boards) > 0 {
		var connected []any
		for _, address := range boards {
			if a, _ := address.(string); a != "" && slices.Contains(s.BoardIDs, id(boardID(a))) {
				connected = append(connected, address)
			}
		}
		if connected != nil {
			attributes["boards"] = connected
		}
	}
	r.ID, r.Attributes = c.ID, attributes
	return r, nil
}

// showWanted shows the labels that are wanted and there; all of them where none is asked for by name, so that a later
// question which does ask finds them.
func showWanted(attributes map[string]any, want wantedLabels, labels []label) {
	var there []any
	shown := map[string]any{}
	if len(want.texts) == 0 {
		for _, l := range labels {
			if !l.Off && l.Text != "" {
				there = append(there, l.Text)
			}
		}
	}
	for _, text := range want.texts {
		i := slices.IndexFunc(labels, func(l label) bool { return l.Text == text && !l.Off })
		if i < 0 {
			continue
		}
		there = append(there, text)
		if want.colors[text] != "" {
			shown[text] = labels[i].Color
		}
	}
	if there != nil {
		attributes["labels"] = there
	}
	if len(shown) > 0 {
		attributes["colors"] = shown
	}
}

// applyColumn makes a column under the contract's own id, or takes over the one that has it, and then adds what is
// missing of labels and connected boards.
func (p *Provider) applyColumn(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	want := change.Want
	board, err := boardIDOf(want, resolved)
	if err != nil {
		return resource.Resource{}, err
	}
	x := &columnChange{p: p, want: want, board: board, resolved: resolved}
	if err := x.targets(); err != nil {
		return resource.Resource{}, err
	}
	release, err := p.client.lock(ctx, board)
	if err != nil {
		return resource.Resource{}, &provider.Error{Kind: provider.Transient, Op: "change " + want.Address, Err: err}
	}
	defer release()
	if change.Action != resource.Create {
		return x.update(ctx)
	}
	have, err := x.create(ctx)
	if err == nil {
		return have, nil
	}
	// An interrupted apply may have made it already, and the vendor then says only that the id is taken.
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Invalid && e.Kind != provider.Stale {
		return resource.Resource{}, err
	}
	row, lookErr := x.read(ctx)
	if lookErr != nil || row == nil {
		return resource.Resource{}, err
	}
	return x.update(ctx)
}

type columnChange struct {
	p        *Provider
	want     resource.Resource
	board    string
	resolved map[string]resource.Resource
	connect  []json.Number // ids of the boards to connect
}

func (x *columnChange) typ() string {
	t, _ := x.want.Attributes["type"].(string)
	return t
}

func (x *columnChange) targets() error {
	boards, _ := x.want.Attributes["boards"].([]any)
	for _, b := range boards {
		address, _ := b.(string)
		target := x.resolved[address].ID
		if !isID(target) {
			return &provider.Error{Kind: provider.Invalid, Op: "change " + x.want.Address, Message: "the board " + address + " that it connects to does not exist yet"}
		}
		x.connect = append(x.connect, json.Number(target))
	}
	return nil
}

func (x *columnChange) describe(row *columnRow) (resource.Resource, error) {
	return describeColumn(x.want, row, func(address string) string { return x.resolved[address].ID })
}

func (x *columnChange) create(ctx context.Context) (resource.Resource, error) {
	d := newDocument("mutation", "column")
	board := d.variable("board", "ID!", x.board)
	column := d.variable("column", "String", nativeName(x.want))
	title := d.variable("title", "String!", x.want.Name)
	head := "(board_id:" + board + ",id:" + column + ",title:" + title
	labels, _ := withWanted(nil, wanted(x.want.Attributes))
	operation := "create_column"
	switch {
	case x.typ() == "status" && len(labels) > 0:
		operation = "create_status_column"
		head += ",defaults:" + d.variable("defaults", "CreateStatusColumnSettingsInput", statusInput(labels, false))
	case x.typ() == "dropdown" && len(labels) > 0:
		operation = "create_dropdown_column"
		head += ",defaults:" + d.variable("defaults", "CreateDropdownColumnSettingsInput", dropdownInput(labels, false))
	default:
		head += ",column_type:" + d.variable("type", "ColumnType!", x.typ())
		if x.typ() == "board_relation" {
			head += ",defaults:" + d.variable("defaults", "JSON", text(map[string]any{
				"boardIds": x.connect, "allowMultipleItems": false, "allowCreateReflectionColumn": false,
			}))
		}
	}
	d.add("made:", operation, head, ")", columnFields)
	a, err := x.p.client.call(ctx, d.request("create column "+x.want.Address, operation, 1))
	if err != nil {
		return resource.Resource{}, err
	}
	var row columnRow
	if err := a.made(&row, func() bool { return row.ID != "" }); err != nil {
		return resource.Resource{}, err
	}
	return x.describe(&row)
}

// read looks the column up as it is now; nil when the board has none of this id.
func (x *columnChange) read(ctx context.Context) (*columnRow, error) {
	name := x.want.ID
	if name == "" {
		name = nativeName(x.want)
	}
	d := newDocument("query", "column")
	d.add("boards(ids:", d.variable("board", "[ID!]", []string{x.board}), "){columns(ids:", d.variable("columns", "[String]", []string{name}), ")", columnFields, "}")
	a, err := x.p.client.call(ctx, d.request("read column "+x.want.Address, "boards", 1))
	if err != nil {
		return nil, err
	}
	var boards []boardRow
	if err := a.decode("boards", &boards); err != nil {
		return nil, err
	}
	for _, b := range boards {
		for i := range b.Columns {
			if b.Columns[i].ID == name && !b.Columns[i].Archived {
				return &b.Columns[i], nil
			}
		}
	}
	return nil, nil
}

// update adds what is missing. The revision read just before guards against losing what somebody else changed: an
// update replaces all labels.
func (x *columnChange) update(ctx context.Context) (resource.Resource, error) {
	var last error
	for range maxRevisions {
		row, err := x.read(ctx)
		if err != nil {
			return resource.Resource{}, err
		}
		if row == nil {
			return resource.Resource{}, &provider.Error{Kind: provider.NotFound, Op: "change " + x.want.Address, Message: "the board has no such column any more"}
		}
		have, err := x.describe(row)
		if err != nil {
			return resource.Resource{}, err
		}
		request, needed, err := x.updateRequest(row)
		if err != nil || !needed {
			return have, err
		}
		a, err := x.p.client.call(ctx, request)
		var updated columnRow
		if err == nil {
			err = a.made(&updated, func() bool { return updated.ID != "" })
		}
		if err == nil {
			return x.describe(&updated)
		}
		if k := provider.KindOf(err); k != provider.Stale && k != provider.Invalid {
			return resource.Resource{}, err
		}
		// No code is published for a stale revision: a refusal counts as one when the revision has moved on.
		now, lookErr := x.read(ctx)
		if lookErr != nil || now == nil || now.Revision == row.Revision {
			return resource.Resource{}, err
		}
		last = err
	}
	return resource.Resource{}, last
}

func (x *columnChange) updateRequest(row *columnRow) (r request, needed bool, err error) {
	s, err := row.settings(x.want.Address)
	if err != nil {
		return request{}, false, err
	}
	d := newDocument("mutation", "column")
	head := "(board_id:" + d.variable("board", "ID!", x.board) + ",id:" + d.variable("column", "String!", row.ID) +
		",revision:" + d.variable("revision", "String!", row.Revision)
	labels, changed := withWanted(s.labelsOf(), wanted(x.want.Attributes))
	what := "change column " + x.want.Address
	operation := ""
	switch {
	case row.Type == "status" && changed:
		if len(labels) > maxLabels {
			return request{}, false, &provider.Error{
				Kind: provider.Invalid, Op: what,
				Message: fmt.Sprintf("with the contract's labels the column would have %d, and a status column holds %d: remove some on the board", len(labels), maxLabels),
			}
		}
		operation = "update_status_column"
		head += ",settings:" + d.variable("settings", "UpdateStatusColumnSettingsInput", statusInput(labels, true))
	case row.Type == "dropdown" && changed:
		operation = "update_dropdown_column"
		head += ",settings:" + d.variable("settings", "UpdateDropdownColumnSettingsInput", x.keepLimit(dropdownInput(labels, true), s))
	case row.Type == "board_relation":
		connected := make([]json.Number, 0, len(s.BoardIDs)+len(x.connect))
		for _, b := range s.BoardIDs {
			connected = append(connected, json.Number(b))
		}
		for _, b := range x.connect {
			if !slices.Contains(connected, b) {
				connected = append(connected, b)
				operation = "update_column"
			}
		}
		head += ",column_type:board_relation,settings:" + d.variable("settings", "JSON", map[string]any{"boardIds": connected})
	}
	if operation == "" {
		return request{}, false, nil
	}
	d.add("made:", operation, head, ")", columnFields)
	return d.request(what, operation, 1), true, nil
}

// keepLimit sends back how many labels a cell may hold: what is left out of a settings object may be reset.
func (x *columnChange) keepLimit(input map[string]any, s *settings) map[string]any {
	if !s.LimitSelect {
		return input
	}
	input["limit_select"] = true
	var n int
	if json.Unmarshal(s.LabelLimit, &n) == nil && n > 0 {
		input["label_limit_count"] = n
	}
	return input
}
