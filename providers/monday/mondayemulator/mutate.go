package mondayemulator

import (
	"maps"

	"accord/providers/monday/mondayemulator/internal/gql"
)

func mutations() map[string]field {
	out := map[string]field{
		"complexity":     root(func(r *request, _ gql.Args) (any, error) { return r.spend, nil }),
		"create_webhook": root(createWebhook),
		"delete_webhook": root(func(r *request, a gql.Args) (any, error) { return r.acct().RemoveWebhook(id(a, "id")) }),
		"ingest_items":   onBoard(startIngest),
		"backfill_items": onBoard(startBackfill),
	}
	maps.Copy(out, mutateBoards())
	maps.Copy(out, mutateColumns())
	maps.Copy(out, mutateItems())
	return out
}

// createWebhook makes the handshake with the account unlocked, since the receiver may well call
// back. A receiver that does not give the challenge back makes a bare error
// (developer.monday.com, "Webhooks").
func createWebhook(r *request, a gql.Args) (any, error) {
	acct := r.acct()
	h, err := acct.CheckWebhook(r.by(), id(a, "board_id"), a.String("event"), a.String("url"), a["config"])
	if err != nil {
		return nil, err
	}
	h.Signed = r.app
	challenge := acct.Random("challenge", 52)
	acct.Unlock()
	err = r.e.sender.Challenge(r.ctx, h.URL, challenge)
	acct.Lock()
	if err != nil {
		r.e.log.Debug("webhook handshake", "error", err)
		return nil, &gql.Error{Message: "Internal Server Error", Code: "INTERNAL_SERVER_ERROR", Status: 500}
	}
	acct.AddWebhook(h)
	return h, nil
}
