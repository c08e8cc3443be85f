package monday

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// Kinds of resources.
const (
	kindWorkspace = "workspace"
	kindBoard     = "board"
	kindGroup     = "group"
	kindColumn    = "column"
	kindWebhook   = "webhook"
)

// mainWorkspace is what people call the workspace that the vendor knows as null.
const mainWorkspace = "Main workspace"

// webhookEvents are what makes changes of items visible.
var webhookEvents = []string{
	"change_column_value", "create_item", "change_name", "item_archived", "item_deleted", "item_restored",
	"item_moved_to_any_group",
}

var columnID = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// names are the addresses of what one end of an object needs.
type names struct {
	workspace string // "" = the main workspace
	board     string
	group     string // "" = the board's first group
}

func newNames(s provider.ObjectSpec) names {
	n := names{board: s.Connection + "/" + kindBoard + "/" + escape(s.Settings["board"])}
	if w := s.Settings["workspace"]; w != "" && w != mainWorkspace {
		n.workspace = s.Connection + "/" + kindWorkspace + "/" + escape(w)
	}
	if g := s.Settings["group"]; g != "" {
		n.group = n.board + "/" + kindGroup + "/" + escape(g)
	}
	return n
}

func (n names) column(name string) string   { return n.board + "/" + kindColumn + "/" + escape(name) }
func (n names) webhook(event string) string { return n.board + "/" + kindWebhook + "/" + event }

// escape keeps a name with a slash one step of an address.
func escape(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(name)
}

// Expand lists workspaces, boards, groups, columns and webhooks. What two objects share is listed once.
func (p *Provider) Expand(specs []provider.ObjectSpec) ([]resource.Resource, error) {
	x := &expansion{p: p, specs: specs, at: map[string]int{}}
	for _, s := range specs {
		if err := x.object(s); err != nil {
			return nil, err
		}
	}
	return x.list, nil
}

type expansion struct {
	p     *Provider
	specs []provider.ObjectSpec
	list  []resource.Resource
	at    map[string]int // place in list, by address
}

func (x *expansion) refuse(s provider.ObjectSpec, format string, a ...any) error {
	return &provider.Error{Kind: provider.Invalid, Op: fmt.Sprintf("expand object %q", s.Object), Message: fmt.Sprintf(format, a...)}
}

// add puts a resource on the list unless it is there, and returns it for more to be put in.
func (x *expansion) add(r resource.Resource) (at *resource.Resource, isNew bool) {
	if i, ok := x.at[r.Address]; ok {
		return &x.list[i], false
	}
	x.at[r.Address] = len(x.list)
	x.list = append(x.list, r)
	return &x.list[len(x.list)-1], true
}

func (x *expansion) object(s provider.ObjectSpec) error {
	board := s.Settings["board"]
	if board == "" {
		return x.refuse(s, "the monday end names no board")
	}
	for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
		if k != "board" && k != "workspace" && k != "group" {
			return x.refuse(s, "the monday end has no setting %q: it has workspace, board and group", k)
		}
	}
	n := newNames(s)
	var above []string
	workspace := mainWorkspace
	if n.workspace != "" {
		workspace = s.Settings["workspace"]
		above = []string{n.workspace}
		x.add(resource.Resource{Address: n.workspace, Connection: s.Connection, Kind: kindWorkspace, Name: workspace, Managed: true, Object: s.Object})
	}
	b, isNew := x.add(resource.Resource{
		Address: n.board, Connection: s.Connection, Kind: kindBoard, Name: board, Managed: true, Object: s.Object, DependsOn: above,
		Attributes: map[string]any{"name": board, "workspace": workspace},
	})
	if !isNew && b.Attributes["workspace"] != workspace {
		return x.refuse(s, "board %q is also named in workspace %q: two boards of one name need two connections", board, b.Attributes["workspace"])
	}
	if g := s.Settings["group"]; g != "" {
		x.add(resource.Resource{
			Address: n.group, Connection: s.Connection, Kind: kindGroup, Name: g, Managed: true, Object: s.Object,
			DependsOn: []string{n.board}, Attributes: map[string]any{"title": g},
		})
	}
	for _, a := range s.Actions {
		if g := a.Settings["group"]; g != "" && a.Type == "monday_move" {
			x.add(resource.Resource{
				Address: n.board + "/" + kindGroup + "/" + escape(g), Connection: s.Connection, Kind: kindGroup, Name: g, Managed: true,
				Object: s.Object, DependsOn: []string{n.board}, Attributes: map[string]any{"title": g},
			})
		}
	}
	if s.Key.Name != "" {
		if err := x.column(s, n, s.Key); err != nil {
			return err
		}
	}
	for _, f := range s.Fields {
		if err := x.column(s, n, f); err != nil {
			return err
		}
	}
	if s.Watched && x.p.webhookURL != nil {
		x.webhooks(s, n)
	}
	return nil
}

func (x *expansion) webhooks(s provider.ObjectSpec, n names) {
	for _, event := range webhookEvents {
		x.add(resource.Resource{
			Address: n.webhook(event), Connection: s.Connection, Kind: kindWebhook, Name: event, Managed: true, Object: s.Object,
			DependsOn: []string{n.board}, Attributes: map[string]any{"event": event, "url": x.p.webhookAddress()},
		})
	}
}

// column lists one field's column.
func (x *expansion) column(s provider.ObjectSpec, n names, f provider.FieldSpec) error {
	if f.Name == nameColumn {
		if f.Type != "" {
			return x.refuse(s, "name is the item's own name and can't be made a column of type %s", f.Type)
		}
		return nil
	}
	r := resource.Resource{
		Address: n.column(f.Name), Connection: s.Connection, Kind: kindColumn, Name: f.Name, Object: s.Object, Field: f.Field,
		DependsOn: []string{n.board}, Attributes: map[string]any{}, Managed: f.Type != "",
	}
	if f.Title != "" {
		r.Name = f.Title
	}
	if f.Type != "" {
		if !slices.Contains(creatable, f.Type) {
			return x.refuse(s, "monday.com has no column type %q that can be kept in agreement: it has %s", f.Type, strings.Join(creatable, ", "))
		}
		if !columnID.MatchString(f.Name) || len(f.Name) > maxColumnID {
			return x.refuse(s, "%q can't be the id of a column: up to %d of a-z, 0-9 and _, not beginning with a digit", clip(f.Name), maxColumnID)
		}
		r.Attributes["type"] = f.Type
	}
	if f.Type == "status" || f.Type == "dropdown" {
		if err := checkLabels(fmt.Sprintf("expand object %q, column %s", s.Object, f.Name), f.Type, f.Options, f.Colors); err != nil {
			return err
		}
		addLabels(r.Attributes, f)
	}
	if f.Type == "board_relation" {
		target, err := x.target(s, f)
		if err != nil {
			return err
		}
		r.Attributes["boards"] = []any{target}
		if target != n.board {
			r.DependsOn = append(r.DependsOn, target)
		}
	}
	old, isNew := x.add(r)
	if isNew {
		return nil
	}
	if old.Managed && r.Managed && old.Attributes["type"] != r.Attributes["type"] {
		return x.refuse(s, "column %q of board %q is asked for as %v and as %v", f.Name, s.Settings["board"], old.Attributes["type"], r.Attributes["type"])
	}
	return x.merge(s, old, r)
}

// merge joins what two objects ask of one column.
func (x *expansion) merge(s provider.ObjectSpec, old *resource.Resource, r resource.Resource) error {
	old.Managed = old.Managed || r.Managed
	if t, ok := r.Attributes["type"]; ok {
		old.Attributes["type"] = t
	}
	for _, k := range []string{"labels", "boards"} {
		more, _ := r.Attributes[k].([]any)
		have, _ := old.Attributes[k].([]any)
		for _, item := range more {
			if !slices.Contains(have, item) {
				have = append(have, item)
			}
		}
		if len(have) > 0 {
			old.Attributes[k] = have
		}
	}
	if labels, _ := old.Attributes["labels"].([]any); old.Attributes["type"] == "status" && len(labels) > maxLabels {
		return x.refuse(s, "column %s is asked for %d labels, and holds %d", old.Address, len(labels), maxLabels)
	}
	byText, _ := r.Attributes["colors"].(map[string]any)
	for _, text := range slices.Sorted(maps.Keys(byText)) {
		have, _ := old.Attributes["colors"].(map[string]any)
		if have == nil {
			have = map[string]any{}
			old.Attributes["colors"] = have
		}
		if c, ok := have[text]; ok && c != byText[text] {
			return x.refuse(s, "the label %q of column %s is asked for in two colours", text, old.Address)
		}
		have[text] = byText[text]
	}
	for _, d := range r.DependsOn {
		if !slices.Contains(old.DependsOn, d) {
			old.DependsOn = append(old.DependsOn, d)
		}
	}
	return nil
}

func addLabels(attributes map[string]any, f provider.FieldSpec) {
	var labels []any
	byText := map[string]any{}
	for _, o := range f.Options {
		if slices.Contains(labels, any(o)) {
			continue
		}
		labels = append(labels, o)
		if c := f.Colors[o]; c != "" && f.Type == "status" {
			byText[o] = c
		}
	}
	if len(labels) > 0 {
		attributes["labels"] = labels
	}
	if len(byText) > 0 {
		attributes["colors"] = byText
	}
}

// target is the board that a reference column connects to.
func (x *expansion) target(s provider.ObjectSpec, f provider.FieldSpec) (string, error) {
	if f.Refers == "" {
		return "", x.refuse(s, "column %q connects boards, so its field must say which object it refers to", f.Name)
	}
	for _, other := range x.specs {
		if other.Object == f.Refers && other.Settings["board"] != "" {
			return newNames(other).board, nil
		}
	}
	return "", x.refuse(s, "column %q refers to object %q, which has no board on this connection", f.Name, f.Refers)
}

// Apply carries out one change of structure.
func (p *Provider) Apply(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	switch change.Action {
	case resource.NoOp, resource.Read, resource.Forget:
		if change.Have != nil {
			return *change.Have, nil
		}
		return change.Want, nil
	case resource.Destroy:
		return change.Want, p.destroy(ctx, change, resolved)
	}
	if !change.Want.Managed {
		return resource.Resource{}, &provider.Error{
			Kind: provider.Invalid, Op: "change " + change.Want.Address, Message: "it is not managed: give the field a type for apply to make it",
		}
	}
	if change.Have != nil && change.Want.ID == "" {
		change.Want.ID = change.Have.ID
	}
	switch change.Want.Kind {
	case kindWorkspace:
		return p.applyWorkspace(ctx, change)
	case kindBoard:
		return p.applyBoard(ctx, change, resolved)
	case kindGroup:
		return p.applyGroup(ctx, change, resolved)
	case kindColumn:
		return p.applyColumn(ctx, change, resolved)
	case kindWebhook:
		return p.applyWebhook(ctx, change, resolved)
	default:
		return resource.Resource{}, unknownKind(change.Want)
	}
}

func unknownKind(r resource.Resource) error {
	return &provider.Error{Kind: provider.Invalid, Op: "change " + r.Address, Message: fmt.Sprintf("monday.com has no resource of kind %q", r.Kind)}
}

// boardOf is the address of the board that a resource is part of.
func boardOf(r resource.Resource) string {
	marker := r.Connection + "/" + kindBoard + "/"
	rest, ok := strings.CutPrefix(r.Address, marker)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return marker + name
}

// boardIDOf is the vendor's id of that board.
func boardIDOf(r resource.Resource, resolved map[string]resource.Resource) (string, error) {
	b := resolved[boardOf(r)]
	if b.ID == "" {
		return "", &provider.Error{Kind: provider.Invalid, Op: "change " + r.Address, Message: "its board " + boardOf(r) + " does not exist yet"}
	}
	return b.ID, nil
}

// destroy removes a column, a webhook or a board for good. Repeating it finds nothing left to do.
func (p *Provider) destroy(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) error {
	r := change.Want
	if change.Have != nil {
		r.ID = change.Have.ID
	}
	what := "destroy " + r.Address
	if r.ID == "" {
		return nil
	}
	d := newDocument("mutation", "destroy")
	operation := ""
	switch r.Kind {
	case kindColumn:
		board, err := boardIDOf(r, resolved)
		if err != nil {
			return err
		}
		operation = "delete_column"
		d.add("done:delete_column(board_id:", d.variable("board", "ID!", board), ",column_id:", d.variable("column", "String!", r.ID), "){id}")
	case kindWebhook:
		operation = "delete_webhook"
		d.add("done:delete_webhook(id:", d.variable("id", "ID!", webhookID(r.ID)), "){id}")
	case kindBoard:
		operation = "delete_board"
		d.add("done:delete_board(board_id:", d.variable("board", "ID!", r.ID), "){id}")
	default:
		return &provider.Error{
			Kind: provider.Invalid, Op: what,
			Message: fmt.Sprintf("a %s holds what other people made: delete it by hand in monday.com", r.Kind),
		}
	}
	a, err := p.client.call(ctx, d.request(what, operation, 1))
	if err == nil {
		err = a.part("done") // delete_column answers null when it succeeded
	}
	return p.unlessGone(ctx, r, resolved, err)
}

// unlessGone turns the error of a removal into success where there is nothing left to remove: the vendor has no code
// for that which is the same for all kinds.
func (p *Provider) unlessGone(ctx context.Context, r resource.Resource, resolved map[string]resource.Resource, err error) error {
	var e *provider.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case provider.NotFound, provider.Hidden:
		return nil
	case provider.Invalid:
	default:
		return err
	}
	want := []resource.Resource{r}
	if b, ok := resolved[boardOf(r)]; ok && r.Kind != kindBoard {
		want = append(want, b)
	}
	have, lookErr := p.Describe(ctx, want)
	if lookErr != nil {
		if provider.KindOf(lookErr) == provider.Hidden {
			return nil
		}
		return err
	}
	if slices.ContainsFunc(have, func(h resource.Resource) bool { return h.Address == r.Address }) {
		return err
	}
	return nil
}

func unescape(step string) string {
	return strings.NewReplacer("%2F", "/", "%25", "%").Replace(step)
}

func lastStep(address string) string {
	return address[strings.LastIndex(address, "/")+1:]
}
