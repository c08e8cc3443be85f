package monday

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"accord/engine/provider"
	"accord/engine/resource"
)

// boardRow is a board as the vendor shows it.
type boardRow struct {
	ID         id          `json:"id"`
	Name       string      `json:"name"`
	State      string      `json:"state"`
	Type       string      `json:"type"`
	Hierarchy  string      `json:"hierarchy_type"`
	Items      *int        `json:"items_count"`
	ItemsLimit *int        `json:"items_limit"`
	Access     string      `json:"access_level"`
	Workspace  *nameRow    `json:"workspace"`
	Columns    []columnRow `json:"columns"`
	Groups     []groupRow  `json:"groups"`
}

const boardFields = "{id name state type hierarchy_type items_count items_limit access_level workspace{id name} columns" + columnFields + " groups{id title archived deleted}}"

// findBoards finds the ids of the wanted boards: remembered ones as they are, others by name in their workspace.
func (p *Provider) findBoards(ctx context.Context, s *description, want []resource.Resource) error {
	var look []resource.Resource
	var in []any // workspace ids, null for the main one
	for _, r := range want {
		if r.Kind != kindBoard {
			continue
		}
		if r.ID != "" {
			s.boardIDs[r.Address] = r.ID
			continue
		}
		workspace, ok := s.workspaceOf(r)
		if !ok {
			continue // a board can't be where there is no workspace
		}
		look = append(look, r)
		if !slices.Contains(in, workspace) {
			in = append(in, workspace)
		}
	}
	if len(look) == 0 {
		return nil
	}
	all, err := p.boardsIn(ctx, in)
	if err != nil {
		return err
	}
	for _, r := range look {
		workspace, _ := s.workspaceOf(r)
		found, err := pickBoard(r, workspace, all)
		if err != nil {
			return err
		}
		if found != "" {
			s.boardIDs[r.Address] = found
		}
	}
	return nil
}

func pickBoard(r resource.Resource, workspace any, all []boardRow) (string, error) {
	var found []string
	for _, b := range all {
		in := any(nil)
		if b.Workspace != nil && b.Workspace.ID != "" {
			in = string(b.Workspace.ID)
		}
		if b.Name == r.Name && in == workspace && (b.Type == "" || b.Type == "board") {
			found = append(found, string(b.ID))
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	default:
		return "", &provider.Error{
			Kind: provider.Invalid, Op: "describe " + r.Address,
			Message: fmt.Sprintf("%d boards of the workspace are called %q (%v): rename all but one", len(found), r.Name, found),
		}
	}
}

// workspaceOf is the id of a board's workspace: nil for the main one; ok is false when it does not exist.
func (s *description) workspaceOf(board resource.Resource) (any, bool) {
	for _, address := range board.DependsOn {
		if i, ok := s.workspaces[address]; ok {
			return i, true
		}
		if w, ok := s.byAddress[address]; ok && w.Kind == kindWorkspace {
			return nil, false
		}
	}
	name, _ := board.Attributes["workspace"].(string)
	return nil, name == "" || name == mainWorkspace
}

func (p *Provider) boardsIn(ctx context.Context, workspaces []any) ([]boardRow, error) {
	var all []boardRow
	for page := 1; ; page++ {
		d := newDocument("query", "boards")
		d.add("boards(workspace_ids:", d.variable("workspaces", "[ID]", workspaces), ",limit:100,page:", d.variable("page", "Int", page), "){id name type workspace{id name}}")
		a, err := p.client.call(ctx, d.request("list boards", "boards", maxBoardPage))
		if err != nil {
			return nil, err
		}
		var list []boardRow
		if err := a.decode("boards", &list); err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < maxBoardPage {
			return all, nil
		}
	}
}

// readBoards reads the boards with their parts, and their webhooks, 25 boards a call.
func (p *Provider) readBoards(ctx context.Context, s *description, want []resource.Resource) error {
	hooked := map[string]bool{}
	var ids []string
	for _, r := range want {
		i := s.boardIDs[boardOf(r)]
		if i == "" {
			continue
		}
		ids = append(ids, i)
		if r.Kind == kindWebhook && r.ID != "" {
			hooked[i] = true
		}
	}
	rest := unique(ids)
	for len(rest) > 0 {
		var batch []string
		batch, rest = cut(rest, 25)
		if err := p.readBoardBatch(ctx, s, batch, hooked); err != nil {
			return err
		}
	}
	for _, r := range want {
		i := s.boardIDs[r.Address]
		if r.Kind != kindBoard || i == "" {
			continue
		}
		b := s.boards[i]
		switch {
		case b == nil:
			return hiddenError(resource.Resource{Address: r.Address, Kind: r.Kind, ID: i}, "it was deleted, or the user behind the token is not subscribed to it")
		case b.State == "archived" || b.State == "deleted":
			return hiddenError(resource.Resource{Address: r.Address, Kind: r.Kind, ID: i}, "it is "+b.State)
		case b.Hierarchy == "multi_level":
			return &provider.Error{
				Kind: provider.Invalid, Op: "describe " + r.Address,
				Message: "a multi-level board silently ignores writes to calculated cells: use a classic board",
			}
		}
	}
	return nil
}

func (p *Provider) readBoardBatch(ctx context.Context, s *description, batch []string, hooked map[string]bool) error {
	d := newDocument("query", "structure")
	// "all" shows archived boards as well, which would else look like boards that never were.
	d.add("boards(ids:", d.variable("boards", "[ID!]", batch), ",state:all,limit:25)", boardFields)
	for i, b := range batch {
		if hooked[b] {
			d.add(fmt.Sprintf("w%d:webhooks(board_id:", i), d.variable(fmt.Sprintf("w%d", i), "ID!", b), "){id event}")
		}
	}
	a, err := p.client.call(ctx, d.request("read boards", "boards", len(batch)))
	if err != nil {
		return err
	}
	var boards []*boardRow
	if err := a.decode("boards", &boards); err != nil {
		return err
	}
	for _, b := range boards {
		if b != nil {
			s.boards[string(b.ID)] = b
		}
	}
	for i, b := range batch {
		if !hooked[b] || s.boards[b] == nil {
			continue
		}
		var hooks []webhookRow
		if err := a.decode(fmt.Sprintf("w%d", i), &hooks); err != nil {
			return err
		}
		s.webhooks[b] = hooks
	}
	return nil
}

func describeBoard(r resource.Resource, b *boardRow) resource.Resource {
	r.ID = string(b.ID)
	workspace := mainWorkspace
	if b.Workspace != nil && b.Workspace.ID != "" {
		workspace = b.Workspace.Name
	}
	attributes := map[string]any{"name": b.Name, "workspace": workspace}
	if b.Items != nil {
		attributes["items"] = float64(*b.Items)
	}
	if b.ItemsLimit != nil {
		attributes["items_limit"] = float64(*b.ItemsLimit)
	}
	if b.Access != "" {
		attributes["access"] = b.Access
	}
	r.Attributes = attributes
	return r
}

// applyBoard makes an empty board, or renames or moves one.
func (p *Provider) applyBoard(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	want := change.Want
	look := []resource.Resource{want}
	for _, address := range want.DependsOn {
		w, ok := resolved[address]
		if !ok || w.ID == "" {
			return resource.Resource{}, &provider.Error{Kind: provider.Invalid, Op: "change " + want.Address, Message: "its workspace " + address + " does not exist yet"}
		}
		look = append(look, w)
	}
	have, err := p.Describe(ctx, look)
	if err != nil {
		return resource.Resource{}, err
	}
	if i := slices.IndexFunc(have, func(h resource.Resource) bool { return h.Address == want.Address }); i >= 0 {
		return p.updateBoard(ctx, want, have[i], resolved)
	}
	d := newDocument("mutation", "board")
	in := ""
	if len(want.DependsOn) > 0 {
		in = ",workspace_id:" + d.variable("workspace", "ID", resolved[want.DependsOn[0]].ID)
	}
	d.add("made:create_board(board_name:", d.variable("name", "String!", want.Name), ",board_kind:public,empty:true", in, ")", boardFields)
	a, err := p.client.call(ctx, d.request("create board "+want.Name, "create_board", 1))
	if err != nil {
		return resource.Resource{}, err
	}
	var made boardRow
	if err := a.made(&made, func() bool { return made.ID != "" }); err != nil {
		return resource.Resource{}, err
	}
	return describeBoard(want, &made), nil
}

func (p *Provider) updateBoard(ctx context.Context, want, have resource.Resource, resolved map[string]resource.Resource) (resource.Resource, error) {
	d := newDocument("mutation", "board")
	var aliases []string
	board := d.variable("board", "ID!", have.ID)
	for _, diff := range resource.Differ(want, have) {
		switch diff.Path {
		case "name":
			d.add("name:update_board(board_id:", board, ",board_attribute:name,new_value:", d.variable("name", "String!", want.Name), ")")
			aliases = append(aliases, "name")
			have.Attributes["name"] = want.Name
		case "workspace":
			var workspace any
			if len(want.DependsOn) > 0 {
				workspace = resolved[want.DependsOn[0]].ID
			}
			d.add("move:update_board_hierarchy(board_id:", board, ",attributes:",
				d.variable("to", "UpdateBoardHierarchyAttributesInput!", map[string]any{"workspace_id": workspace}), "){success message}")
			aliases = append(aliases, "move")
			have.Attributes["workspace"] = diff.After
		}
	}
	if len(aliases) == 0 {
		return have, nil
	}
	a, err := p.client.call(ctx, d.request("change board "+want.Name, "update_board", 1))
	if err != nil {
		return resource.Resource{}, err
	}
	for _, alias := range aliases {
		if err := a.part(alias); err != nil {
			return resource.Resource{}, err
		}
	}
	if err := a.moved(); err != nil {
		return resource.Resource{}, err
	}
	return have, nil
}

// moved checks the outcome of a move, which says no inside a success.
func (a *answer) moved() error {
	raw, ok := a.data["move"]
	if !ok {
		return nil
	}
	var outcome struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(raw, &outcome); err == nil && outcome.Success {
		return nil
	}
	return &provider.Error{Kind: provider.Invalid, Op: a.request.what, RequestID: a.requestID, Message: "the board was not moved to its workspace: " + outcome.Message}
}
