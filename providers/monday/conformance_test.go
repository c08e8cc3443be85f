package monday

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"accord/engine/provider"
	"accord/engine/provider/providertest"
	"accord/engine/record"
	"accord/engine/resource"
	"accord/providers/monday/mondayemulator"
)

func TestProviderConforms(t *testing.T) {
	providertest.Run(t, providertest.Harness{Open: openConforming, Faults: conformanceFaults()})
}

// told keeps what was logged and observed.
type told struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *told) Write(p []byte) (int, error) {
	l.write(string(p))
	return len(p), nil
}

func (l *told) write(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(s)
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// conforming is a stage as the suite sees it.
type conforming struct {
	*stage
	vendor  *providertest.Vendor
	calls   atomic.Int64
	told    told
	passed  atomic.Int64 // the vendor's clock runs ahead by as much
	refused atomic.Bool  // the token is one that the vendor does not know
	stale   atomic.Int64 // so often it was asked for
}

func openConforming(t *testing.T) *providertest.Vendor {
	c := &conforming{}
	c.stage = newStage(t, mondayemulator.Options{}, func(config *Config) {
		config.Clock = func() time.Time { return time.Now().Add(time.Duration(c.passed.Load())) }
		config.Observe = func(call provider.Call) {
			c.calls.Add(1)
			c.told.write(fmt.Sprintf("%+v\n", call))
		}
		config.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &c.told})
		config.Token = func(context.Context) (string, error) {
			if c.refused.Load() {
				c.stale.Add(1)
				return "stale-token-canary", nil
			}
			return "emulator-token", nil
		}
	})
	c.vendor = &providertest.Vendor{
		Provider: c.provider, Specs: []provider.ObjectSpec{dealSpec(), clientSpec()},
		Least: record.Fields{"name": record.OfText("Least")}, Text: "my_text", Other: "my_long_text",
		Samples: mondaySamples(t), Refused: mondayRefusals(),
		Removals: map[record.Op]record.State{record.Archive: record.Archived, record.Delete: record.Deleted},
		Unknown:  []string{"99999999", "", "abc", "-5", "1e3", `1"){id}`},
		PageSize: maxPage, RequestIDs: true,
		People: []record.Person{
			{ID: "77", Email: "anna@acme.example", Name: "Anna", Active: true}, {ID: "78", Email: "gone@acme.example", Name: "Gone"},
		},
		Unfindable: []string{kindWebhook},
		Secrets:    []string{"emulator-token", "stale-token-canary", stageSecret},
		Hand:       []record.State{record.Archived, record.Deleted},
		Add: func(t *testing.T, f record.Fields) string {
			id, err := c.emulator.CreateItem("anna@acme.example", c.board("Deals"), "", f["name"].Part(0), byHand(f))
			c.must(t, err)
			return strconv.FormatInt(id, 10)
		},
		Edit: func(t *testing.T, id string, f record.Fields) {
			c.must(t, c.emulator.SetValues("anna@acme.example", c.item(t, id), byHand(f)))
		},
		Remove: func(t *testing.T, id string, s record.State) {
			c.must(t, c.emulator.SetItemState("anna@acme.example", c.item(t, id), s.String()))
		},
		Count: func(t *testing.T) int {
			b, there := c.emulator.Board("Deals")
			if !there {
				return 0
			}
			items, err := c.emulator.Items(b.ID)
			c.must(t, err)
			return len(items)
		},
		Action: func(_ *testing.T, id string) provider.Action {
			return provider.Action{Type: "monday_update", RecordID: id, Key: "posted", Settings: map[string]string{"body": "hello"}}
		},
		Acted: func(*testing.T) int {
			n := 0
			for _, item := range c.deals() {
				n += len(item.Updates)
			}
			return n
		},
		Advance: func(d time.Duration) {
			c.passed.Add(int64(d))
			c.emulator.Advance(d)
		},
		Calls: func() int { return int(c.calls.Load()) },
		Ready: func(t *testing.T) {
			id, err := c.emulator.CreateItem("", c.board("Clients"), "", "Acme", map[string]any{})
			c.must(t, err)
			c.vendor.Samples = append(c.vendor.Samples, providertest.Sample{Name: "reference", Field: "my_board_relation", Value: record.OfReference(strconv.FormatInt(id, 10))})
		},
		Struck: func() int { return int(c.emulator.Counters().FaultsPlayed + c.stale.Load()) },
		Told:   c.told.String,
		Rename: c.rename, Vanish: c.vanish, Break: c.breakDown,
	}
	return c.vendor
}

func (c *conforming) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *conforming) item(t *testing.T, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	c.must(t, err)
	return n
}

// byHand spells the fields that the suite edits as people's browsers do.
func byHand(f record.Fields) map[string]any {
	values := map[string]any{}
	for name, v := range f {
		switch name {
		case "name":
		case "my_long_text":
			values[name] = map[string]any{"text": v.Part(0)}
		default:
			values[name] = v.Part(0)
		}
	}
	return values
}

func (c *conforming) rename(t *testing.T, r resource.Resource) bool {
	document, variables := "", map[string]any{"n": "Another name", "id": r.ID}
	if r.Kind != kindBoard && r.Kind != kindWorkspace {
		variables["b"] = strconv.FormatInt(c.boardOf(t, r), 10)
	}
	switch r.Kind {
	case kindBoard:
		document = `mutation($n:String!,$id:ID!){update_board(board_id:$id,board_attribute:name,new_value:$n)}`
	case kindGroup:
		document = `mutation($n:String!,$id:String!,$b:ID!){update_group(board_id:$b,group_id:$id,group_attribute:title,new_value:$n){id}}`
	case kindColumn:
		document = `mutation($n:String!,$id:String!,$b:ID!){change_column_title(board_id:$b,column_id:$id,title:$n){id}}`
	default:
		return false
	}
	if r.Kind == kindBoard {
		variables["n"] = "Another " + r.Name
	}
	_, err := c.emulator.Execute("", document, variables)
	c.must(t, err)
	return true
}

// boardOf finds a resource's board whatever people call it now.
func (c *conforming) boardOf(t *testing.T, r resource.Resource) int64 {
	t.Helper()
	name := unescape(lastStep(boardOf(r)))
	for _, b := range c.emulator.Boards() {
		if b.Name == name || b.Name == "Another "+name {
			return b.ID
		}
	}
	t.Fatalf("no board for %s", r.Address)
	return 0
}

func (c *conforming) vanish(t *testing.T, r resource.Resource) bool {
	c.must(t, c.emulator.DeleteColumn("anna@acme.example", c.boardOf(t, r), r.ID))
	return true
}

func (c *conforming) breakDown(t *testing.T, f providertest.VendorFault, times int) {
	if f.Name == tokenRefused {
		c.refused.Store(true)
		return
	}
	operation := map[providertest.On]string{ // on watch: the next webhook, whatever its event
		providertest.OnRead: "items", providertest.OnWrite: "create_item", providertest.OnApply: "create_column", providertest.OnList: "next_items_page",
	}[f.On]
	_, err := c.emulator.AddFault(mondayemulator.Fault{Kind: mondayemulator.FaultKind(strings.TrimSuffix(f.Name, forEver)), Operation: operation, Times: times, DelayMS: 20})
	c.must(t, err)
}

const (
	tokenRefused = "token_refused"
	forEver      = " for ever"
)

// conformanceFaults are all faults of the emulator's requests.
func conformanceFaults() []providertest.VendorFault {
	var list []providertest.VendorFault
	add := func(f providertest.VendorFault, kind mondayemulator.FaultKind, on ...providertest.On) {
		for _, o := range on {
			f.On, f.Name = o, string(kind)
			if f.Times == providertest.Always {
				f.Name += forEver
			}
			list = append(list, f)
		}
	}
	read, write, apply, page := providertest.OnRead, providertest.OnWrite, providertest.OnApply, providertest.OnList
	unknown := providertest.VendorFault{Kind: provider.Unknown}
	executed := providertest.VendorFault{Kind: provider.Unknown, Executed: true}
	survived := providertest.VendorFault{Survived: true}
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.TimeoutBefore, mondayemulator.Error500Before, mondayemulator.Error502, mondayemulator.Error503} {
		add(unknown, kind, write, apply)
		add(survived, kind, read)
	}
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.TimeoutAfter, mondayemulator.Error500After, mondayemulator.Truncated} {
		add(executed, kind, write, apply)
		add(survived, kind, read)
	}
	add(providertest.VendorFault{Kind: provider.Transient, Times: providertest.Always, Patience: time.Second}, mondayemulator.Error503, read)
	// What the vendor asks to wait for is longer than the caller has.
	throttled := providertest.VendorFault{Kind: provider.Throttled, Hint: true, Patience: 5 * time.Second}
	for kind, code := range map[mondayemulator.FaultKind]string{
		mondayemulator.RateMinute: "Rate Limit Exceeded", mondayemulator.RateIP: "IP_RATE_LIMIT_EXCEEDED", mondayemulator.RateField: "FIELD_LIMIT_EXCEEDED",
		mondayemulator.RateComplexity: "COMPLEXITY_BUDGET_EXHAUSTED", mondayemulator.Blocked: "API_TEMPORARILY_BLOCKED",
	} {
		throttled.Code = code
		add(throttled, kind, read, write)
	}
	add(survived, mondayemulator.RateConcurrency, read, write)
	throttled.Code = "COMPLEXITY_BUDGET_EXHAUSTED"
	add(throttled, mondayemulator.RateComplexity, page)
	add(providertest.VendorFault{Kind: provider.Exhausted, Code: "DAILY_LIMIT_EXCEEDED", Hint: true}, mondayemulator.RateDaily, read, write)
	add(survived, mondayemulator.Locked, write)
	add(providertest.VendorFault{Kind: provider.Locked, Code: "RESOURCE_LOCKED", Hint: true, Times: providertest.Always, Patience: 2 * time.Second}, mondayemulator.Locked, write)
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.CursorExpired, mondayemulator.Error500Before, mondayemulator.Truncated} {
		add(survived, kind, page)
	}
	add(survived, mondayemulator.Slow, read, write)
	for _, kind := range []mondayemulator.FaultKind{mondayemulator.WebhookDoubled, mondayemulator.WebhookLate, mondayemulator.WebhookReordered} {
		add(survived, kind, providertest.OnWatch)
	}
	add(providertest.VendorFault{Survived: true, Lost: true}, mondayemulator.WebhookLost, providertest.OnWatch)
	for _, on := range []providertest.On{read, write} {
		list = append(list, providertest.VendorFault{Name: tokenRefused, On: on, Times: providertest.Always, Kind: provider.Unauthorized, Code: "NOT_AUTHENTICATED"})
	}
	slices.SortFunc(list, func(a, b providertest.VendorFault) int {
		return strings.Compare(string(a.On)+a.Name, string(b.On)+b.Name)
	})
	return list
}

func mondaySamples(t *testing.T) []providertest.Sample {
	ok := value(t)
	list := []providertest.Sample{
		{Name: "name", Field: "name", Value: record.OfText(`Acme "€" <&> 🙂 \n \ שלום`), Keeps: true},
		{Name: "name at its limit", Field: "name", Value: record.OfText(strings.Repeat("😀", maxName)), Keeps: true},
		{Name: "long text at its limit", Field: "my_long_text", Value: record.OfText(strings.Repeat("ü", maxLongText))},
		{Name: "date", Field: "my_date", Value: ok(record.OfDate("2024-02-29"))},
		{Name: "moment", Field: "my_date", Value: record.OfDateTime(time.Date(2026, 6, 15, 23, 59, 59, 0, time.UTC))},
		{Name: "midnight", Field: "my_date", Value: record.OfDateTime(time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC))},
		{Name: "negative number", Field: "my_numbers", Value: ok(record.OfDecimal("-0.000001"))},
		{Name: "large number", Field: "my_numbers", Value: ok(record.OfDecimal("123456789012345678.25"))},
		{Name: "zero", Field: "my_numbers", Value: ok(record.OfDecimal("0"))},
		{Name: "label that is a number", Field: "my_status", Value: record.OfChoice("2023")},
		{Name: "one option", Field: "my_dropdown", Value: record.OfChoice("A")},
		{Name: "several people", Field: "my_people", Value: record.OfPerson("70", "77")},
		{Name: "unticked", Field: "my_checkbox", Value: record.OfBool(false)},
		{Name: "link with a text", Field: "my_link", Value: record.OfLink("https://acme.example/?a=b&c=d", `Acme "shop"`)},
		{Name: "one day", Field: "my_timeline", Value: ok(record.OfInterval("2026-06-01", "2026-06-01"))},
	}
	for i, s := range []string{"null", `"quoted" \ back`, "0", "{}", "line\nbreak\ttab", "עברית עם \"מרכאות\"", "e\u0301 🏳️‍🌈", "<b>&amp;</b>"} {
		list = append(list, providertest.Sample{Name: fmt.Sprint("text ", i), Field: "my_text", Value: record.OfText(s)})
	}
	fields := fullFields(t)
	for _, name := range sortedNames(fields) {
		if name != "name" && name != "my_board_relation" && name != "my_people" {
			list = append(list, providertest.Sample{Name: "full " + name, Field: name, Value: fields[name]})
		}
	}
	return list
}

func mondayRefusals() []providertest.Refusal {
	return []providertest.Refusal{
		{Name: "name that is too long", Fields: record.Fields{"name": record.OfText(strings.Repeat("x", maxName+1))}},
		{Name: "no name", Fields: record.Fields{"name": {}}},
		{Name: "an unknown label", Fields: record.Fields{"my_status": record.OfChoice("Lost")}},
		{Name: "an unknown option", Fields: record.Fields{"my_dropdown": record.OfChoice("A", "Z")}},
		{Name: "two labels", Fields: record.Fields{"my_status": record.OfChoice("Open", "Won")}},
		{Name: "a value of another kind", Fields: record.Fields{"my_numbers": record.OfText("12")}},
		{Name: "a field that is not bound", Fields: record.Fields{"nowhere": record.OfText("x")}},
		{Name: "no country", Fields: record.Fields{"my_country": record.OfText("Atlantis")}},
		{Name: "a user who is not there", Fields: record.Fields{"my_people": record.OfPerson("123456")}},
		{Name: "an item that is not there", Fields: record.Fields{"my_board_relation": record.OfReference("123456")}},
		{Name: "a rating out of range", Fields: record.Fields{"my_rating": record.OfReference("7")}},
	}
}
