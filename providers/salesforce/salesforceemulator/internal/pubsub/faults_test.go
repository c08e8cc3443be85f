package pubsub

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"accord/providers/salesforce/salesforceemulator/internal/fault"
)

func (h *harness) inject(f fault.Fault) {
	h.t.Helper()
	if err := h.server.faults.Add(f); err != nil {
		h.t.Fatal(err)
	}
}

func TestDroppedStreamLosesNothing(t *testing.T) {
	h := newHarness(t)
	r := h.subscribe(accountTest, latest, nil, 10).ready()
	h.named(1)
	r.raw(1)
	h.inject(fault.Fault{Kind: fault.Drop, Topic: accountTest})
	h.named(1)
	_, err := r.answer()
	if status.Code(err) != codes.Unavailable || len(r.stream.Trailer().Get("error-code")) != 0 {
		t.Errorf("a lost connection is %v %v", err, r.stream.Trailer())
	}
	if got := h.subscribe(accountTest, custom, r.latest, 10).raw(1); len(got) != 1 {
		t.Error("the event is gone")
	}
	idle := h.subscribe(accountTest, latest, nil, 10).ready()
	if n := h.server.DropStreams("/data/ChangeEvents"); n != 0 {
		t.Errorf("%d streams of another topic dropped", n)
	}
	h.server.DropStreams(accountTest)
	if _, err := idle.answer(); status.Code(err) != codes.Unavailable {
		t.Errorf("an idle stream: %v", err)
	}
}

func TestStaleReplayAndReset(t *testing.T) {
	h := newHarness(t)
	h.named(2)
	r := h.subscribe(accountTest, earliest, nil, 10)
	id := r.raw(2)[0].GetReplayId()
	h.inject(fault.Fault{Kind: fault.StaleReplay})
	stale := h.subscribe(accountTest, custom, id, 10)
	_, err := stale.answer()
	failsWith(t, err, stale.stream.Trailer(), codes.InvalidArgument, codeReplayCorrupted)
	h.subscribe(accountTest, custom, id, 10).raw(1)
	h.server.Reset()
	gone := h.subscribe(accountTest, custom, id, 10)
	_, err = gone.answer()
	failsWith(t, err, gone.stream.Trailer(), codes.InvalidArgument, codeReplayCorrupted)
	fresh := h.subscribe(accountTest, earliest, nil, 10).ready()
	h.named(1)
	fresh.raw(1)
	r.raw(1) // a stream that was open goes on
}

func TestGapOverflowDuplicateLose(t *testing.T) {
	h := newHarness(t)
	h.inject(fault.Fault{Kind: fault.Gap, Object: "Contact"}) // does not happen
	h.inject(fault.Fault{Kind: fault.Gap, Object: "Account", Count: 2})
	r := h.subscribe(accountTest, latest, nil, 100).ready()
	h.write(create("Account", accountID(1), map[string]any{"Name": "a"}))
	h.write(update("Account", accountID(1), map[string]any{"Name": "a"}, map[string]any{"Name": "b"}))
	h.inject(fault.Fault{Kind: fault.Overflow})
	h.write(remove("Account", accountID(1)))
	h.inject(fault.Fault{Kind: fault.Duplicate})
	h.write(remove("Account", accountID(2)))
	h.inject(fault.Fault{Kind: fault.Lose})
	h.write(remove("Account", accountID(3)))
	h.write(remove("Account", accountID(4)))
	got := r.next(6)
	var types, records []any
	for _, event := range got {
		types = append(types, event.Header["changeType"])
		records = append(records, event.Header["recordIds"].([]any)[0])
	}
	if diff := cmp.Diff([]any{"GAP_CREATE", "GAP_UPDATE", "GAP_OVERFLOW", "DELETE", "DELETE", "DELETE"}, types); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{accountID(1), accountID(1), overflowRecord, accountID(2), accountID(2), accountID(4)}, records); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got[3].Header, got[4].Header); diff != "" || got[3].ReplayID == got[4].ReplayID || got[3].ID != got[4].ID {
		t.Errorf("the duplicate: %s %s %s", diff, got[3].ReplayID, got[4].ReplayID)
	}
}

func TestDelayHoldsBackInOrder(t *testing.T) {
	h := newHarness(t)
	r := h.subscribe(accountTest, latest, nil, 100).ready()
	h.inject(fault.Fault{Kind: fault.Hold, Delay: time.Minute})
	h.write(remove("Account", accountID(1)))
	h.write(remove("Account", accountID(2)))
	h.advance(59 * time.Second)
	early := h.subscribe(accountTest, earliest, nil, 100).ready()
	late := h.subscribe(accountTest, latest, nil, 100).ready()
	h.advance(time.Second)
	for _, reader := range []*reader{r, early, late} {
		got := reader.next(2)
		if got[0].Header["recordIds"].([]any)[0] != accountID(1) {
			t.Errorf("the held event came second")
		}
	}
	counters := h.server.Counters()
	if counters.KeepAlives != 0 || counters.EventsDelivered != 6 || counters.Subscriptions != 3 || counters.Delivered[accountTest] != 6 || counters.EventsPublished != 2 {
		t.Errorf("counters %+v", counters)
	}
	h.server.ResetCounters()
	if counters = h.server.Counters(); counters.EventsDelivered != 0 || counters.DeliveredLastDay != 6 || counters.ActiveStreams != 3 {
		t.Errorf("counters after reset %+v", counters)
	}
}

func TestDeliveryLimitFault(t *testing.T) {
	h := newHarness(t)
	h.named(2)
	h.inject(fault.Fault{Kind: fault.DeliveryLimit})
	r := h.subscribe(accountTest, earliest, nil, 5)
	_, err := r.answer()
	failsWith(t, err, r.stream.Trailer(), codes.ResourceExhausted, codeDeliveryLimit)
	if got := h.subscribe(accountTest, earliest, nil, 5).raw(2); bytes.Equal(got[0].GetReplayId(), got[1].GetReplayId()) {
		t.Error("two events share a replay id")
	}
}

func TestAnnouncedGaps(t *testing.T) {
	h := newHarness(t)
	r := h.subscribe(accountTest, latest, nil, 9).ready()
	for _, gap := range []struct{ kind, id string }{{"GAP_UPDATE", "001*"}, {"GAP_DELETE", accountID(1)}, {"GAP_OVERFLOW", overflowRecord}} {
		if err := h.server.Announce("Account", gap.kind, gap.id); err != nil {
			t.Fatal(err)
		}
		got := r.next(1)[0]
		if diff := cmp.Diff([]any{gap.id}, got.Header["recordIds"]); diff != "" || got.Header["changeType"] != gap.kind || len(got.Body) != 0 {
			t.Errorf("%s: %v %s", gap.kind, got.Header, diff)
		}
	}
	for _, wrong := range [][]string{{"Account", "UPDATE", "001"}, {"Account", "GAP_UPDATE"}, {"Contact", "GAP_UPDATE", "003*"}, {"Nothing", "GAP_UPDATE", "x"}} {
		if err := h.server.Announce(wrong[0], wrong[1], wrong[2:]...); err == nil {
			t.Errorf("%v was accepted", wrong)
		}
	}
}
