package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"accord/cmd/accord/internal/view"
	"accord/engine/pipeline"
	"accord/providers/monday/mondayemulator"
	"accord/providers/salesforce/salesforceemulator"
)

// refusal is something that a vendor says to a running sync, and how it is mended.
type refusal struct {
	name  string
	alone bool   // it concerns deals alone
	says  string // by accord status
	cause func(*stand) error
	mend  func(*stand) error
}

func clearFaults(s *stand) error {
	s.e.Monday.ClearFaults()
	s.e.Salesforce.ClearFaults()
	return nil
}

func (s *stand) faultyOrg(faults ...salesforceemulator.Fault) error {
	for _, f := range faults {
		f.Count = -1
		if err := s.e.Salesforce.Inject(f); err != nil {
			return err
		}
	}
	return nil
}

var refusals = []refusal{
	{
		name: "a column is hidden", alone: true, says: "column stage is not shown to our user",
		cause: func(s *stand) error { return s.hideStage(true) },
		mend:  func(s *stand) error { return s.hideStage(false) },
	},
	{
		name: "boards are not shown", says: "is not shown to our user",
		cause: func(s *stand) error {
			_, err := s.e.Monday.AddFault(mondayemulator.Fault{Kind: mondayemulator.EmptyBoards, Operation: "boards", Times: -1})
			return err
		},
		mend: clearFaults,
	},
	{
		name: "the token may not any more", says: "User unauthorized",
		cause: func(s *stand) error {
			_, err := s.e.Monday.AddFault(mondayemulator.Fault{Kind: mondayemulator.Refused, Times: -1, Code: "UserUnauthorizedException", Message: "User unauthorized to perform action"})
			return err
		},
		mend: clearFaults,
	},
	{
		name: "an object permission is taken away", says: "INVALID_TYPE",
		cause: func(s *stand) error {
			refused := salesforceemulator.Fault{Kind: salesforceemulator.FaultError, Status: 400, Code: "INVALID_TYPE", Message: "sObject type 'Opportunity' is not supported."}
			all := refused
			refused.Operation, all.Operation = "query", "queryAll"
			return s.faultyOrg(refused, all)
		},
		mend: clearFaults,
	},
	{
		name: "the app is revoked", says: "renew the credentials of salesforce.crm",
		cause: func(s *stand) error {
			s.e.Salesforce.ExpireSessions()
			return s.faultyOrg(salesforceemulator.Fault{Kind: salesforceemulator.FaultOAuth, Code: "invalid_grant", Message: "expired authorization code"})
		},
		mend: clearFaults,
	},
}

func (s *stand) hideStage(hidden bool) error {
	b, _ := s.e.Monday.Board("Deals")
	return s.e.Monday.HideColumn(b.ID, "stage", hidden)
}

func (s *stand) stalled() map[string]pipeline.Stall {
	s.t.Helper()
	var st view.State
	if err := json.Unmarshal([]byte(s.must("status", "--json")), &st); err != nil {
		s.t.Fatal(err)
	}
	return st.Stalled
}

// TestARunningSyncOutlivesRefusals: one process lives through all that vendors may say, tells what is wrong, and carries
// everything across once that is mended.
func TestARunningSyncOutlivesRefusals(t *testing.T) {
	t.Parallel()
	s := small(t, false)
	s.must("apply", "--auto-approve")
	s.must("sync", "--once")
	stop := s.running()
	deal := s.records("SELECT Id, AccountId FROM Opportunity WHERE StageName = 'Closed Won' AND AccountId != null ORDER BY Id LIMIT 1")[0]
	name := func(board, want string) func(context.Context) bool {
		return func(context.Context) bool {
			b, _ := s.e.Monday.Board(board)
			items, err := s.e.Monday.Items(b.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, i := range items {
				if i.Name == want {
					return true
				}
			}
			return false
		}
	}
	count := func(board string) int {
		b, _ := s.e.Monday.Board(board)
		items, err := s.e.Monday.Items(b.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		return len(items)
	}
	clients, deals := count("Clients"), count("Deals")
	for _, r := range refusals {
		t.Run(r.name, func(sub *testing.T) {
			s.t = sub
			defer func() { s.t = t }()
			if err := r.cause(s); err != nil {
				sub.Fatal(err)
			}
			var why pipeline.Stall
			s.eventually("deals stand still", func(ctx context.Context) bool {
				time.Sleep(500 * time.Millisecond)
				why = s.stalled()["deal"]
				return why.Detail != ""
			})
			if text := why.Detail + why.Remedy; !strings.Contains(text, r.says) {
				sub.Errorf("stalled: %s", text)
			}
			s.edit("Opportunity", text(deal["Id"]), map[string]any{"Name": "deal while " + r.name})
			s.edit("Account", text(deal["AccountId"]), map[string]any{"Name": "client while " + r.name})
			if r.alone {
				s.eventually("clients go on", name("Clients", "client while "+r.name))
			}
			if name("Deals", "deal while "+r.name)(sub.Context()) {
				sub.Error("the deal crossed")
			}
			if err := r.mend(s); err != nil {
				sub.Fatal(err)
			}
			s.eventually("the client crosses", name("Clients", "client while "+r.name))
			s.eventually("the deal crosses", name("Deals", "deal while "+r.name))
			s.eventually("nothing stands still", func(context.Context) bool {
				time.Sleep(500 * time.Millisecond)
				return len(s.stalled()) == 0
			})
		})
	}
	stop()
	if c, d := count("Clients"), count("Deals"); c != clients || d != deals {
		t.Errorf("%d clients and %d deals, before there were %d and %d", c, d, clients, deals)
	}
	if out := s.must("deadletters", "list"); !strings.Contains(out, "No dead letters") {
		t.Errorf("dead letters:\n%s", out)
	}
}
