package monday

import (
	"context"
	"fmt"
	"slices"

	"accord/engine/provider"
	"accord/engine/resource"
)

// nameRow is a workspace as the vendor shows it.
type nameRow struct {
	ID   id     `json:"id"`
	Name string `json:"name"`
}

// findWorkspaces looks up those that are wanted, by remembered id or by name.
func (p *Provider) findWorkspaces(ctx context.Context, s *description, want []resource.Resource) error {
	if !slices.ContainsFunc(want, func(r resource.Resource) bool { return r.Kind == kindWorkspace }) {
		return nil
	}
	all, err := p.workspaces(ctx)
	if err != nil {
		return err
	}
	for _, r := range want {
		if r.Kind != kindWorkspace {
			continue
		}
		var found []string
		for _, w := range all {
			if r.ID != "" && string(w.ID) == r.ID || r.ID == "" && w.Name == r.Name {
				found = append(found, string(w.ID))
			}
		}
		switch {
		case len(found) == 1:
			s.workspaces[r.Address] = found[0]
		case len(found) > 1:
			return &provider.Error{Kind: provider.Invalid, Op: "describe " + r.Address, Message: fmt.Sprintf("%d workspaces are called %q: rename all but one", len(found), r.Name)}
		case r.ID != "":
			return hiddenError(r, "it was deleted, or our user is not a member")
		}
	}
	return nil
}

func (p *Provider) workspaces(ctx context.Context) ([]nameRow, error) {
	var all []nameRow
	for page := 1; ; page++ {
		d := newDocument("query", "workspaces")
		d.add("workspaces(limit:100,page:", d.variable("page", "Int", page), "){id name}")
		a, err := p.client.call(ctx, d.request("list workspaces", "workspaces", maxBoardPage))
		if err != nil {
			return nil, err
		}
		var list []nameRow
		if err := a.decode("workspaces", &list); err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < maxBoardPage {
			return all, nil
		}
	}
}

// applyWorkspace makes a workspace, unless an interrupted apply has.
func (p *Provider) applyWorkspace(ctx context.Context, change resource.Change) (resource.Resource, error) {
	have, err := p.Describe(ctx, []resource.Resource{change.Want})
	if err != nil || len(have) == 1 {
		return first(have), err
	}
	d := newDocument("mutation", "workspace")
	d.add("made:create_workspace(name:", d.variable("name", "String!", change.Want.Name), ",kind:open){id name}")
	a, err := p.client.call(ctx, d.request("create workspace "+change.Want.Name, "create_workspace", 1))
	if err != nil {
		return resource.Resource{}, err
	}
	var made nameRow
	if err := a.made(&made, func() bool { return made.ID != "" }); err != nil {
		return resource.Resource{}, err
	}
	change.Want.ID = string(made.ID)
	return change.Want, nil
}
