package monday

import (
	"context"
	"slices"

	"accord/engine/provider"
	"accord/engine/resource"
)

// groupRow is a group as the vendor shows it.
type groupRow struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Archived bool   `json:"archived"`
	Deleted  bool   `json:"deleted"`
}

func describeGroup(r resource.Resource, b *boardRow) (resource.Resource, bool, error) {
	for _, g := range b.Groups {
		if g.Archived || g.Deleted {
			continue
		}
		if r.ID != "" && g.ID == r.ID || r.ID == "" && g.Title == r.Name {
			r.ID = g.ID
			r.Attributes = map[string]any{"title": g.Title}
			return r, true, nil
		}
	}
	if r.ID != "" {
		return r, false, hiddenError(r, "it was archived or deleted")
	}
	return r, false, nil
}

// applyGroup makes a group, or gives one its title.
func (p *Provider) applyGroup(ctx context.Context, change resource.Change, resolved map[string]resource.Resource) (resource.Resource, error) {
	want := change.Want
	board, err := boardIDOf(want, resolved)
	if err != nil {
		return resource.Resource{}, err
	}
	parent := resolved[boardOf(want)]
	have, err := p.Describe(ctx, []resource.Resource{parent, want})
	if err != nil {
		return resource.Resource{}, err
	}
	d := newDocument("mutation", "group")
	in := d.variable("board", "ID!", board)
	var what, operation string
	if i := slices.IndexFunc(have, func(h resource.Resource) bool { return h.Address == want.Address }); i >= 0 {
		if len(resource.Differ(want, have[i])) == 0 {
			return have[i], nil
		}
		what, operation = "rename group "+want.Name, "update_group"
		d.add("made:update_group(board_id:", in, ",group_id:", d.variable("group", "String!", have[i].ID),
			",group_attribute:title,new_value:", d.variable("title", "String!", want.Name), "){id title}")
	} else {
		what, operation = "create group "+want.Name, "create_group"
		d.add("made:create_group(board_id:", in, ",group_name:", d.variable("title", "String!", want.Name), "){id title}")
	}
	release, err := p.client.lock(ctx, board)
	if err != nil {
		return resource.Resource{}, &provider.Error{Kind: provider.Transient, Op: what, Err: err}
	}
	defer release()
	a, err := p.client.call(ctx, d.request(what, operation, 1))
	if err != nil {
		return resource.Resource{}, err
	}
	var made groupRow
	if err := a.made(&made, func() bool { return made.ID != "" }); err != nil {
		return resource.Resource{}, err
	}
	want.ID = made.ID
	return want, nil
}
