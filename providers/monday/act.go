package monday

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
	"accord/engine/resource"
)

var _ provider.Actor = (*Provider)(nil)

// Act carries out an action of a trigger:
//
//	monday_update  posts body, a plain text, on the item
//	monday_create  makes an item called name on board, with fields by column id
//	monday_move    moves the item to the group of its board that is called group
//
// For as long as the vendor remembers idempotency keys (30 minutes), a repetition under its key is carried out once and
// answered as the first try was. After that the vendor is asked for what the action would have made since it was first
// sent: an equal update on the item, an item of that name on the board.
func (p *Provider) Act(ctx context.Context, a provider.Action) (provider.ActionResult, error) {
	doubtful := !a.Sent.IsZero() && p.clock().Sub(a.Sent) > keyLife
	switch a.Type {
	case "monday_update":
		return p.postUpdate(ctx, a, doubtful)
	case "monday_create":
		return p.makeItem(ctx, a, doubtful)
	case "monday_move":
		return p.moveItem(ctx, a)
	default:
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: "act in monday", Message: fmt.Sprintf("there is no action %q", clip(a.Type))}
	}
}

// madeSince is from when on something may have been made by an action: the vendor's clock may be behind ours.
func madeSince(a provider.Action) time.Time { return a.Sent.Add(-2 * time.Minute) }

// onItem checks that an action names an item.
func onItem(a provider.Action, what string) error {
	if !isID(a.RecordID) {
		return &provider.Error{Kind: provider.Invalid, Op: what, Message: fmt.Sprintf("%q is no id of an item", clip(a.RecordID))}
	}
	return nil
}

func (p *Provider) postUpdate(ctx context.Context, a provider.Action, doubtful bool) (provider.ActionResult, error) {
	what := "post an update on item " + clip(a.RecordID)
	if err := onItem(a, what); err != nil {
		return provider.ActionResult{}, err
	}
	body := a.Settings["body"]
	if strings.TrimSpace(body) == "" {
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: what, Message: "the text of the update is empty"}
	}
	if doubtful {
		if found, err := p.findUpdate(ctx, a, what); err != nil || found != "" {
			return provider.ActionResult{ID: found, Found: true, Looked: true}, err
		}
	}
	d := newDocument("mutation", "post")
	d.add("made:create_update(item_id:", d.variable("item", "ID", a.RecordID), ",body:", d.variable("body", "String!", markup(body)), "){id}")
	return p.made(ctx, d, a, what, "create_update")
}

// made sends the mutation of an action under its key, and returns the id of what it made.
func (p *Provider) made(ctx context.Context, d *document, a provider.Action, what, operation string) (provider.ActionResult, error) {
	r := d.request(what, operation, 1)
	r.key = a.Key
	answer, err := p.client.call(ctx, r)
	if err != nil {
		return provider.ActionResult{}, err
	}
	var row struct {
		ID id `json:"id"`
	}
	if err := answer.made(&row, func() bool { return row.ID != "" }); err != nil {
		return provider.ActionResult{}, err
	}
	return provider.ActionResult{ID: string(row.ID)}, nil
}

var markupOf = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r\n", "<br>", "\n", "<br>")

// markup makes HTML, which is what the vendor takes, of plain text: what a record holds must not become markup.
func markup(text string) string { return markupOf.Replace(text) }

var tags = regexp.MustCompile(`<[^>]*>`)

// wording is the text of an update as the vendor keeps it, without markup and spacing, for comparison.
func wording(body string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(body, " "))), " ")
}

// findUpdate looks for an equal update since the action was first sent.
func (p *Provider) findUpdate(ctx context.Context, a provider.Action, what string) (string, error) {
	d := newDocument("query", "updates")
	d.add("items(ids:", d.variable("items", "[ID!]", []string{a.RecordID}), "){id updates(limit:100){id body created_at}}")
	answer, err := p.client.call(ctx, d.request(what, "items", 1))
	if err != nil {
		return "", err
	}
	var items []struct {
		Updates []struct {
			ID        id     `json:"id"`
			Body      string `json:"body"`
			CreatedAt string `json:"created_at"`
		} `json:"updates"`
	}
	if err := answer.decode("items", &items); err != nil {
		return "", err
	}
	want := wording(markup(a.Settings["body"]))
	for _, i := range items {
		for _, u := range i.Updates {
			if at, ok := parseTime(u.CreatedAt); ok && !at.Before(madeSince(a)) && wording(u.Body) == want {
				return string(u.ID), nil
			}
		}
	}
	return "", nil
}

func (p *Provider) moveItem(ctx context.Context, a provider.Action) (provider.ActionResult, error) {
	group := a.Settings["group"]
	what := "move item " + clip(a.RecordID) + " to group " + clip(group)
	if err := onItem(a, what); err != nil {
		return provider.ActionResult{}, err
	}
	d := newDocument("query", "groups")
	d.add("items(ids:", d.variable("items", "[ID!]", []string{a.RecordID}), "){id state group{id} board{id groups{id title archived deleted}}}")
	answer, err := p.client.call(ctx, d.request(what, "items", 1))
	if err != nil {
		return provider.ActionResult{}, err
	}
	var items []struct {
		State string   `json:"state"`
		Group groupRow `json:"group"`
		Board boardRow `json:"board"`
	}
	if err := answer.decode("items", &items); err != nil {
		return provider.ActionResult{}, err
	}
	if len(items) == 0 || items[0].State != "" && items[0].State != "active" {
		return provider.ActionResult{}, &provider.Error{Kind: provider.NotFound, Op: what, Message: "the item is gone, or not shown to our user"}
	}
	to := ""
	for _, g := range items[0].Board.Groups {
		if g.Title == group && !g.Archived && !g.Deleted {
			to = g.ID
			break
		}
	}
	switch to {
	case "":
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: what, Message: "the item's board has no group of that name: add it, or correct the trigger"}
	case items[0].Group.ID:
		return provider.ActionResult{ID: a.RecordID, Found: true}, nil // it is there: whoever moved it
	}
	release, err := p.client.lock(ctx, string(items[0].Board.ID))
	if err != nil {
		return provider.ActionResult{}, &provider.Error{Kind: provider.Transient, Op: what, Err: err}
	}
	defer release()
	m := newDocument("mutation", "move")
	m.add("made:move_item_to_group(item_id:", m.variable("item", "ID", a.RecordID), ",group_id:", m.variable("group", "String!", to), "){id}")
	return p.made(ctx, m, a, what, "move_item_to_group")
}

func (p *Provider) makeItem(ctx context.Context, a provider.Action, doubtful bool) (provider.ActionResult, error) {
	what := "create an item on board " + clip(a.Settings["board"])
	key := boardKey(a)
	r := p.boards.get(key, p.clock())
	if r != nil {
		result, err := p.makeItemOn(ctx, r, a, what, doubtful)
		if k := provider.KindOf(err); k != provider.Invalid && k != provider.NotFound && k != provider.Hidden {
			return result, err
		}
		// The board may have changed since it was looked at.
	}
	r, err := p.boardOfAction(ctx, a, what)
	if err != nil {
		return provider.ActionResult{}, err
	}
	p.boards.put(key, r, p.clock())
	return p.makeItemOn(ctx, r, a, what, doubtful)
}

// boardCache keeps the boards that actions make items on, for a little while: looking one up costs three calls.
type boardCache struct {
	mu   sync.Mutex
	open map[string]cachedBoard
}

type cachedBoard struct {
	records *records
	at      time.Time
}

const boardLife = 5 * time.Minute

// boardKey is the same for actions that fill the same columns of the same board.
func boardKey(a provider.Action) string {
	parts := []string{a.Settings["workspace"], a.Settings["board"], a.Settings["group"]}
	return strings.Join(append(parts, slices.Sorted(maps.Keys(a.Fields))...), "\x00")
}

func (c *boardCache) get(key string, now time.Time) *records {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.open[key]; ok && now.Sub(b.at) < boardLife {
		return b.records
	}
	return nil
}

func (c *boardCache) put(key string, r *records, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil || len(c.open) > 100 { // names may hold templates: they must not pile up
		c.open = map[string]cachedBoard{}
	}
	c.open[key] = cachedBoard{r, now}
}

func (p *Provider) makeItemOn(ctx context.Context, r *records, a provider.Action, what string, doubtful bool) (provider.ActionResult, error) {
	var err error
	patch := record.Patch{Op: record.Create, Fields: record.Fields{}}
	if patch.Fields[nameColumn] = record.OfText(a.Settings["name"]); a.Settings["name"] == "" {
		return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: what, Fields: []string{nameColumn}, Message: "an item needs a name, and this one is empty"}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		if strings.TrimSpace(a.Fields[name]) == "" {
			continue
		}
		patch.Fields[name], err = p.valueOf(ctx, r, name, a.Fields[name])
		var called *provider.Error
		if errors.As(err, &called) {
			return provider.ActionResult{}, err // looking people up went wrong, which says nothing of the value
		}
		if err != nil {
			return provider.ActionResult{}, &provider.Error{Kind: provider.Invalid, Op: what, Fields: []string{name}, Message: err.Error()}
		}
	}
	if doubtful {
		if found, err := r.findNamed(ctx, a, what); err != nil || found != "" {
			return provider.ActionResult{ID: found, Found: true, Looked: true}, err
		}
	}
	results, err := r.Write(ctx, provider.Batch{Key: a.Key, Patches: []record.Patch{patch}})
	switch {
	case err != nil:
		return provider.ActionResult{}, err
	case len(results) != 1:
		return provider.ActionResult{}, &provider.Error{Kind: provider.Unknown, Op: what, Message: "no result"}
	default:
		return provider.ActionResult{ID: results[0].ID}, results[0].Err
	}
}

// boardOfAction opens the board that an action names, with the columns that it fills.
func (p *Provider) boardOfAction(ctx context.Context, a provider.Action, what string) (*records, error) {
	spec := provider.ObjectSpec{Object: "action", Connection: p.connection, Settings: map[string]string{}}
	for _, name := range []string{"board", "workspace", "group"} {
		if v := a.Settings[name]; v != "" {
			spec.Settings[name] = v
		}
	}
	spec.Fields = []provider.FieldSpec{{Name: nameColumn, Writes: true, Scale: -1}}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		spec.Fields = append(spec.Fields, provider.FieldSpec{Name: name, Writes: true, Scale: -1})
	}
	want, err := p.Expand([]provider.ObjectSpec{spec})
	if err != nil {
		return nil, err
	}
	have, err := p.Describe(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h resource.Resource) bool { return h.Address == w.Address }) {
			return nil, &provider.Error{Kind: provider.Invalid, Op: what, Message: fmt.Sprintf("there is no %s %q: add it, or correct the trigger", w.Kind, clip(w.Name))}
		}
	}
	opened, err := p.Records(provider.Binding{Spec: spec, Resources: have})
	if err != nil {
		return nil, err
	}
	r, ok := opened.(*records)
	if !ok {
		return nil, &provider.Error{Kind: provider.Internal, Op: what, Message: "the board can't be opened"}
	}
	return r, nil
}

// valueOf reads the text of a template as what the column holds.
func (p *Provider) valueOf(ctx context.Context, r *records, name, text string) (record.Value, error) {
	shape, ok := r.Shapes()[name]
	if !ok {
		return record.Value{}, fmt.Errorf("the board has no column %q", clip(name))
	}
	text = strings.TrimSpace(text)
	list := []string{text}
	if shape.Many {
		list = strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
	switch shape.Kind {
	case record.Decimal:
		return record.OfDecimal(text)
	case record.Bool:
		return record.OfBool(strings.EqualFold(text, "true")), nil
	case record.Date:
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return record.OfDateTime(t), nil
		}
		return record.OfDate(text)
	case record.Interval:
		from, to, _ := strings.Cut(text, "/")
		return record.OfInterval(strings.TrimSpace(from), strings.TrimSpace(to))
	case record.Choice:
		return record.OfChoice(list...), nil
	case record.Reference:
		return record.OfReference(list...), nil
	case record.Link:
		return record.OfLink(text, ""), nil
	case record.Personal:
		return p.peopleOf(ctx, list)
	default:
		return record.OfText(text), nil
	}
}

// peopleOf takes ids and e-mail addresses.
func (p *Provider) peopleOf(ctx context.Context, list []string) (record.Value, error) {
	var ids, emails []string
	for _, s := range list {
		if e := record.CanonicalEmail(s); e != "" {
			emails = append(emails, e)
		} else {
			ids = append(ids, s)
		}
	}
	if len(emails) > 0 {
		people, err := p.People(ctx, nil, emails)
		if err != nil {
			return record.Value{}, err
		}
		for _, e := range emails {
			i := slices.IndexFunc(people, func(x record.Person) bool { return x.Active && record.CanonicalEmail(x.Email) == e })
			if i < 0 {
				return record.Value{}, fmt.Errorf("no active user has the address %s", clip(e))
			}
			ids = append(ids, people[i].ID)
		}
	}
	return record.OfPerson(ids...), nil
}

// findNamed looks for an item of the action's name that was made since the action was first sent.
func (r *records) findNamed(ctx context.Context, a provider.Action, what string) (string, error) {
	d := newDocument("query", "find")
	d.add("page:items_page_by_column_values(board_id:", d.variable("board", "ID!", r.board), ",columns:",
		d.variable("search", "[ItemsPageByColumnValuesQuery!]", []any{map[string]any{"column_id": nameColumn, "column_values": []string{a.Settings["name"]}}}),
		",limit:500){items{id name state created_at}}")
	answer, err := r.p.client.call(ctx, d.request(what, "items_page_by_column_values", 1))
	if err != nil {
		return "", err
	}
	var page struct {
		Items []struct {
			ID        id     `json:"id"`
			Name      string `json:"name"`
			CreatedAt string `json:"created_at"`
		} `json:"items"`
	}
	if err := answer.decode("page", &page); err != nil {
		return "", err
	}
	for _, i := range page.Items {
		if at, ok := parseTime(i.CreatedAt); ok && !at.Before(madeSince(a)) && i.Name == a.Settings["name"] {
			return string(i.ID), nil
		}
	}
	return "", nil
}
