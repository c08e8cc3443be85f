package pubsub

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"accord/providers/salesforce/internal/eventbus"
)

const (
	latest   = eventbus.ReplayPreset_LATEST
	earliest = eventbus.ReplayPreset_EARLIEST
	custom   = eventbus.ReplayPreset_CUSTOM
)

// named writes n transactions that each change one account's industry.
func (h *harness) named(n int) {
	for i := range n {
		h.write(update("Account", accountID(i), map[string]any{"Industry": "old"}, map[string]any{"Industry": "new"}))
	}
}

func TestReplay(t *testing.T) {
	h := newHarness(t)
	h.named(5)
	all := h.subscribe(accountTest, earliest, nil, 10).raw(5)
	for i, event := range all {
		if id := event.GetReplayId(); len(id) != replayLength || !bytes.Equal(id[8:], []byte{0, 0}) {
			t.Errorf("replay id %x has another shape than the vendor's", id)
		}
		if i > 0 && bytes.Compare(all[i-1].GetReplayId(), event.GetReplayId()) >= 0 {
			t.Errorf("replay ids do not grow: %x, %x", all[i-1].GetReplayId(), event.GetReplayId())
		}
	}
	after := h.subscribe(accountTest, custom, all[2].GetReplayId(), 10).raw(2)
	if !bytes.Equal(after[0].GetReplayId(), all[3].GetReplayId()) {
		t.Errorf("CUSTOM starts at %x, want strictly after %x", after[0].GetReplayId(), all[2].GetReplayId())
	}
	short := h.subscribe(accountTest, custom, all[2].GetReplayId()[:8], 10).raw(2)
	if !bytes.Equal(short[0].GetReplayId(), all[3].GetReplayId()) {
		t.Errorf("an id of eight bytes starts at %x", short[0].GetReplayId())
	}
	live := h.subscribe(accountTest, latest, nil, 10).ready()
	h.named(1)
	if got := live.raw(1); bytes.Compare(got[0].GetReplayId(), all[4].GetReplayId()) <= 0 {
		t.Errorf("LATEST delivered %x, which was there before", got[0].GetReplayId())
	}
}

func TestReplayIDsAreNotContiguousAndDependOnTheSeed(t *testing.T) {
	ids := func(seed int64) []string {
		h := newHarness(t, func(o *Options) { o.Seed = seed })
		h.named(40)
		var out []string
		for _, event := range h.subscribe(accountTest, earliest, nil, 100).raw(40) {
			out = append(out, hex.EncodeToString(event.GetReplayId())+" "+event.GetEvent().GetId())
		}
		return out
	}
	one, again, other := ids(1), ids(1), ids(2)
	if !slices.Equal(one, again) {
		t.Error("the same seed gave different replay ids")
	}
	if slices.Equal(one, other) {
		t.Error("different seeds gave the same replay ids")
	}
	first, _ := hex.DecodeString(one[0][:20])
	last, _ := hex.DecodeString(one[39][:20])
	a, _ := counterOf(first)
	b, _ := counterOf(last)
	if b-a == 39 {
		t.Error("the replay ids are contiguous, which nobody may rely on")
	}
}

func TestRetention(t *testing.T) {
	h := newHarness(t)
	h.named(1)
	old := h.subscribe(accountTest, earliest, nil, 1).raw(1)[0].GetReplayId()
	h.advance(71 * time.Hour)
	h.named(1)
	if got := h.subscribe(accountTest, custom, old, 1).raw(1); bytes.Equal(got[0].GetReplayId(), old) {
		t.Error("CUSTOM repeated the event it starts after")
	}
	h.advance(2 * time.Hour)
	_, err := h.subscribe(accountTest, custom, old, 1).answer()
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("an id of 73 hours ago: %v", err)
	}
	reader := h.subscribe(accountTest, earliest, nil, 5).ready()
	h.named(1)
	if got := reader.raw(2); bytes.Equal(got[0].GetReplayId(), old) {
		t.Error("EARLIEST delivered an event of 73 hours ago")
	}
}

func TestCredit(t *testing.T) {
	h := newHarness(t)
	h.named(250)
	r := h.subscribe(accountTest, earliest, nil, 3)
	r.raw(3)
	if r.pending != 0 {
		t.Errorf("pending is %d after all credit was used", r.pending)
	}
	r.more(2)
	r.raw(2)
	// More than 100 outstanding are not granted, in one request or in several.
	r.more(1_000_000)
	r.raw(100)
	if r.pending != 0 || len(r.queue) != 0 {
		t.Errorf("after 100 events: pending %d, %d more events", r.pending, len(r.queue))
	}
	r.more(60)
	r.raw(60)
	r.more(60)
	r.raw(60)
	// 225 of 250 are through; the rest arrives with credit left over.
	r.more(80)
	r.raw(25)
	if r.pending != 55 {
		t.Errorf("pending is %d, want 55", r.pending)
	}
	r.more(20)
	r.more(2147483647)
	for r.pending != 100 { // a keep-alive tells when both requests have been seen
		h.advance(5 * time.Minute)
		if _, err := r.answer(); err != nil {
			t.Fatal(err)
		}
	}
	h.named(101)
	r.raw(100)
	if len(r.queue) != 0 {
		t.Errorf("%d events beyond 100 outstanding", len(r.queue))
	}
}

func TestHalfClosedStreamUsesUpItsCredit(t *testing.T) {
	h := newHarness(t)
	h.named(3)
	r := h.subscribe(accountTest, earliest, nil, 3)
	if err := r.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	r.raw(3)
	if _, err := r.answer(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v, want a normal end", err)
	}
}

func TestKeepAlive(t *testing.T) {
	h := newHarness(t)
	r := h.subscribe(accountTest, latest, nil, 7).ready()
	h.advance(4 * time.Minute)
	h.advance(30 * time.Second)
	answer, err := r.answer()
	if err != nil || len(answer.GetEvents()) != 0 || answer.GetPendingNumRequested() != 7 || answer.GetRpcId() == "" {
		t.Fatalf("keep-alive: %v %v", answer, err)
	}
	// The id of a keep-alive can be resumed from, also long after the last event.
	for range 100 {
		h.advance(time.Hour)
		if answer, err = r.answer(); err != nil {
			t.Fatal(err)
		}
	}
	h.named(1)
	want := r.raw(1)[0].GetReplayId()
	if got := h.subscribe(accountTest, custom, answer.GetLatestReplayId(), 1).raw(1); !bytes.Equal(got[0].GetReplayId(), want) {
		t.Errorf("resumed at %x, want %x", got[0].GetReplayId(), want)
	}
	if n := h.server.Counters().KeepAlives; n != 101 {
		t.Errorf("%d keep-alives counted, want 101", n)
	}
}

func TestTopicsCarryTheirEntitiesOnly(t *testing.T) {
	h := newHarness(t)
	h.org.selectFor(standardChannel, "Contact")
	h.write(
		create("Account", accountID(1), map[string]any{"Name": "Acme"}),
		create("Contact", "003xx0000000001AAA", map[string]any{"LastName": "Ngata"}),
		create("Order__c", "a01xx0000000001AAA", map[string]any{"Name": "O-1"}), // not selected
	)
	entities := func(events []decoded) []any {
		var out []any
		for _, event := range events {
			out = append(out, event.Header["entityName"])
		}
		return out
	}
	h.write(create("Account", accountID(2), map[string]any{"Name": "Beta"}))
	if diff := cmp.Diff([]any{"Account", "Contact", "Account"}, entities(h.subscribe("/data/ChangeEvents", earliest, nil, 9).next(3))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"Account", "Account"}, entities(h.subscribe(accountTest, earliest, nil, 9).next(2))); diff != "" {
		t.Error(diff)
	}
	contact := h.subscribe("/data/ContactChangeEvent", earliest, nil, 9)
	if diff := cmp.Diff([]any{"Contact"}, entities(contact.next(1))); diff != "" {
		t.Error(diff)
	}
	// The position offered is past what the topic left out.
	if got := h.subscribe("/data/ChangeEvents", custom, contact.latest, 9); got != nil {
		h.write(create("Account", accountID(3), map[string]any{"Name": "Gamma"}))
		if diff := cmp.Diff("Gamma", got.next(1)[0].Body["Name"]); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := h.subscribe("/data/Order__ChangeEvent", earliest, nil, 9).answer(); status.Code(err) != codes.NotFound {
		t.Errorf("a topic of an entity that is not selected: %v", err)
	}
}

func TestChannelsLeaveOutWhatTheSubscriberMayNotSee(t *testing.T) {
	h := newHarness(t)
	h.org.selectFor(standardChannel, "Contact")
	h.org.noAll["Account"] = true
	h.write(create("Account", accountID(1), map[string]any{"Name": "Acme"}), create("Contact", "003xx0000000001AAA", map[string]any{"LastName": "Ngata"}))
	if got := h.subscribe("/data/ChangeEvents", earliest, nil, 9).next(1); got[0].Header["entityName"] != "Contact" {
		t.Errorf("got %v", got[0].Header)
	}
	if _, err := h.subscribe(accountTest, earliest, nil, 9).answer(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a single-entity topic without View All Records: %v", err)
	}
}

func TestCloseEndsStreams(t *testing.T) {
	h := newHarness(t)
	r := h.subscribe(accountTest, latest, nil, 9).ready()
	if err := h.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.answer(); status.Code(err) != codes.Unavailable {
		t.Errorf("an open stream: %v", err)
	}
	if _, err := h.client.GetTopic(h.context(), &eventbus.TopicRequest{TopicName: accountTest}); status.Code(err) != codes.Unavailable {
		t.Errorf("a new call: %v", err)
	}
}
