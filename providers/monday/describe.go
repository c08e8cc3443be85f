package monday

import (
	"context"
	"fmt"

	"accord/engine/provider"
	"accord/engine/resource"
)

// description is what Describe found out, to be read for each wanted resource.
type description struct {
	byAddress  map[string]resource.Resource // wanted
	workspaces map[string]string            // id by address
	boardIDs   map[string]string            // by address; absent = no such board
	boards     map[string]*boardRow         // by id
	webhooks   map[string][]webhookRow      // by board id
}

// Describe looks up what is wanted, in three calls for a connection that was never looked at, and in one for one whose
// ids are remembered. A board's parts are described together with the board: it must be among the wanted.
func (p *Provider) Describe(ctx context.Context, want []resource.Resource) ([]resource.Resource, error) {
	s := &description{
		byAddress: map[string]resource.Resource{}, workspaces: map[string]string{}, boardIDs: map[string]string{},
		boards: map[string]*boardRow{}, webhooks: map[string][]webhookRow{},
	}
	for _, r := range want {
		s.byAddress[r.Address] = r
	}
	for _, r := range want {
		if _, ok := s.byAddress[boardOf(r)]; !ok && r.Kind != kindWorkspace {
			return nil, &provider.Error{Kind: provider.Invalid, Op: "describe " + r.Address, Message: "it can only be described together with its board"}
		}
	}
	if err := p.findWorkspaces(ctx, s, want); err != nil {
		return nil, err
	}
	if err := p.findBoards(ctx, s, want); err != nil {
		return nil, err
	}
	if err := p.readBoards(ctx, s, want); err != nil {
		return nil, err
	}
	var have []resource.Resource
	for _, r := range want {
		h, ok, err := s.describe(p, r)
		if err != nil {
			return nil, err
		}
		if ok {
			have = append(have, h)
		}
	}
	return have, nil
}

func (s *description) describe(p *Provider, r resource.Resource) (resource.Resource, bool, error) {
	if r.Kind == kindWorkspace {
		r.ID = s.workspaces[r.Address]
		return r, r.ID != "", nil
	}
	board := s.boards[s.boardIDs[boardOf(r)]]
	if board == nil {
		if r.Kind != kindBoard && r.ID != "" {
			return r, false, hiddenError(r, "the board that it was part of does not exist")
		}
		return r, false, nil
	}
	switch r.Kind {
	case kindBoard:
		return describeBoard(r, board), true, nil
	case kindGroup:
		return describeGroup(r, board)
	case kindColumn:
		return s.describeColumn(r, board)
	case kindWebhook:
		return p.describeWebhook(r, s.webhooks[string(board.ID)])
	default:
		return r, false, unknownKind(r)
	}
}

// hiddenError is the error of a remembered id that the vendor no longer shows.
func hiddenError(r resource.Resource, why string) error {
	return &provider.Error{
		Kind: provider.Hidden, Op: "describe " + r.Address,
		Message: fmt.Sprintf("%s %s was known and is not shown any more: %s; restore it, give our user access to it, or have it forgotten", r.Kind, r.ID, why),
	}
}

func first(list []resource.Resource) resource.Resource {
	if len(list) == 0 {
		return resource.Resource{}
	}
	return list[0]
}

// made reads what a creation answered, and insists on it: without an id nobody knows what was made.
func (a *answer) made(v any, complete func() bool) error {
	if err := a.decode("made", v); err != nil {
		return err
	}
	if !complete() {
		return &provider.Error{Kind: provider.Unknown, Op: a.request.what, RequestID: a.requestID, Message: "the answer does not show what was made"}
	}
	return nil
}
