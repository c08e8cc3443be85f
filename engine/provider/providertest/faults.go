package providertest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

func (h Harness) repetition(t *testing.T) {
	t.Run("one idempotency key makes one record", h.sameKey)
	t.Run("updates may be repeated", h.sameUpdate)
}

// sameKey repeats a batch, as a worker does that crashed before it noted the answer.
func (h Harness) sameKey(t *testing.T) {
	b, r := h.ready(t)
	batch := provider.Batch{Key: "the same", Patches: []record.Patch{
		{Op: record.Create, Key: key("1"), Fields: b.with(record.Fields{b.Text: record.OfText("one")})},
		{Op: record.Create, Key: key("2"), Fields: b.with(record.Fields{b.Text: record.OfText("two")})},
	}}
	var ids [2]string
	for round := range 3 {
		results, err := r.Write(t.Context(), batch)
		if err != nil || len(results) != 2 {
			t.Fatalf("round %d: %d results, %v", round, len(results), err)
		}
		for i, res := range results {
			if res.Err != nil || res.ID == "" || round > 0 && res.ID != ids[i] {
				t.Errorf("round %d: patch %d gave %q, %v; before it was %q", round, i, res.ID, res.Err, ids[i])
			}
			ids[i] = res.ID
		}
		batch.Sent = time.Now()
	}
	if b.Count(t) != 2 {
		t.Errorf("%d records, want 2", b.Count(t))
	}
}

func (h Harness) sameUpdate(t *testing.T) {
	b, r := h.ready(t)
	id := b.create(r, key("1"), nil)
	p := record.Patch{Op: record.Update, ID: id, Key: key("2"), Fields: record.Fields{b.Text: record.OfText("x")}}
	for range 3 {
		b.done(r, "update", p)
	}
	if got := b.read(r, id)[0]; got.Key != key("2") || got.Fields[b.Text].Part(0) != "x" {
		t.Errorf("after repeating it is %+v", got)
	}
}

// outcomes collects what each fault became.
type outcomes struct {
	mu   sync.Mutex
	rows []string
}

func (l *outcomes) add(f VendorFault, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row := []string{string(f.On), f.Name}
	var e *provider.Error
	switch {
	case err == nil && f.Lost:
		row = append(row, "listed later", "", "", "")
	case err == nil:
		row = append(row, "survived", "", "", "")
	case errors.As(err, &e):
		hint := ""
		if e.RetryAfter > 0 {
			hint = e.RetryAfter.Round(time.Second).String()
		}
		row = append(row, e.Kind.String(), e.Code, hint, e.RequestID)
	default:
		row = append(row, fmt.Sprintf("%T", err), "", "", "")
	}
	l.rows = append(l.rows, strings.Join(row, "\t"))
}

func (l *outcomes) String() string {
	slices.Sort(l.rows)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, r := range append([]string{"on\tfault\tkind\tcode\tretry after\trequest"}, l.rows...) {
		if _, err := fmt.Fprintln(w, r); err != nil {
			return err.Error()
		}
	}
	if err := w.Flush(); err != nil {
		return err.Error()
	}
	return b.String()
}

// faults provokes all that the vendor can be made to do wrong, each on a vendor of its own.
func (h Harness) faults(t *testing.T) {
	seen := &outcomes{}
	t.Run("faults", func(t *testing.T) {
		for _, f := range h.Faults {
			if f.On == OnApply {
				continue // with structure
			}
			t.Run(string(f.On)+" "+f.Name, func(t *testing.T) {
				t.Parallel() // most of the time goes by in waiting
				b, r := h.ready(t)
				switch f.On {
				case OnRead:
					b.readFault(r, f, seen)
				case OnList:
					b.listFault(r, f, seen)
				case OnWatch:
					b.watchFault(r, f, seen)
				default:
					b.writeFault(r, f, seen)
				}
			})
		}
	})
	t.Logf("fault → error\n%s", seen)
	t.Run("neither secrets nor values are logged or observed", h.discretion)
	t.Run("usage is what can be", h.usage)
	t.Run("closing twice", h.closing)
}

func (b *bench) judge(f VendorFault, err error) {
	b.t.Helper()
	if f.Survived {
		if err != nil {
			b.t.Errorf("got %v (%v), want it survived", err, provider.KindOf(err))
		}
		return
	}
	e := b.typed(err)
	if e.Kind != f.Kind || f.Code != "" && e.Code != f.Code || (e.RetryAfter > 0) != f.Hint {
		b.t.Errorf("got %v (%v, code %q, retry after %v); want %v, %q, a hint: %v", err, e.Kind, e.Code, e.RetryAfter, f.Kind, f.Code, f.Hint)
	}
	if b.RequestIDs && e.Code != "" && e.RequestID == "" {
		b.t.Errorf("the vendor's id of the request is lost: %+v", e)
	}
	if e.Code != "" && e.Message == "" {
		b.t.Errorf("the vendor's message is lost: %+v", e)
	}
}

// struck insists that the fault happened at all: one that did not would prove nothing.
func (b *bench) struck() {
	b.t.Helper()
	if b.Struck != nil && b.Struck() == 0 {
		b.t.Error("the fault did not happen")
	}
}

func (b *bench) readFault(r provider.Records, f VendorFault, seen *outcomes) {
	b.t.Helper()
	id := b.create(r, key("1"), record.Fields{b.Text: record.OfText("x")})
	b.Break(b.t, f, f.times())
	list, err := r.Read(within(b.t, f.wait()), []string{id})
	seen.add(f, err)
	b.judge(f, err)
	b.struck()
	if err == nil && (len(list) != 1 || list[0].Fields[b.Text].Part(0) != "x") {
		b.t.Errorf("read %+v", list)
	}
}

// listFault lets a list of two pages go wrong: either all is listed, or an error says that it was not.
func (b *bench) listFault(r provider.Records, f VendorFault, seen *outcomes) {
	b.t.Helper()
	want := b.PageSize + 1
	for range want {
		b.Add(b.t, b.with(nil))
	}
	b.Break(b.t, f, f.times())
	listed := map[string]bool{}
	_, err := r.List(within(b.t, f.wait()), 0, func(page []record.Record) error {
		for _, rec := range page {
			listed[rec.ID] = true
		}
		return nil
	})
	seen.add(f, err)
	b.judge(f, err)
	b.struck()
	if err == nil && len(listed) != want {
		b.t.Errorf("listed %d records without an error, want %d", len(listed), want)
	}
}

// watchFault lets the reporting of an edit go wrong. Whatever the vendor does to its reports, the edit is seen, and so is
// the one after it; where the vendor loses one for good, a list shows it.
func (b *bench) watchFault(r provider.Records, f VendorFault, seen *outcomes) {
	b.t.Helper()
	id, after := b.create(r, key("1"), nil), b.create(r, key("2"), nil)
	_, since := b.list(r, 0)
	o := b.settled(r, nil)
	b.Break(b.t, f, f.times())
	b.Edit(b.t, id, record.Fields{b.Text: record.OfText("struck")})
	b.Edit(b.t, after, record.Fields{b.Text: record.OfText("after it")})
	o.until("the edit after", func() bool { return o.saw(after, nil) })
	if !f.Lost {
		o.until("the edit", func() bool { return o.saw(id, nil) })
	}
	o.stop()
	b.struck()
	if listed, _ := b.list(r, since); listed[id].Fields[b.Text].Part(0) != "struck" {
		b.t.Errorf("the edit is not listed: %+v", listed[id])
	}
	seen.add(f, nil)
}

// writeFault lets a create go wrong, and then does what the pipeline does with an error of that kind: it looks the
// record up before it sends the same batch again.
func (b *bench) writeFault(r provider.Records, f VendorFault, seen *outcomes) {
	b.t.Helper()
	b.Break(b.t, f, f.times())
	batch := provider.Batch{Key: "faulty", Patches: []record.Patch{{Op: record.Create, Key: key("1"), Fields: b.with(nil)}}}
	results, err := r.Write(within(b.t, f.wait()), batch)
	if err == nil && len(results) == 1 {
		err = results[0].Err
	}
	seen.add(f, err)
	b.judge(f, err)
	b.struck()
	want := 0
	if f.Executed || err == nil {
		want = 1
	}
	if n := b.Count(b.t); n != want {
		b.t.Errorf("%d records, want %d", n, want)
	}
	if e := provider.KindOf(err); f.Executed && err != nil && e != provider.Unknown {
		b.t.Errorf("it was carried out, and the error says %v, want unknown outcome", e)
	}
	if provider.KindOf(err) != provider.Unknown {
		return
	}
	if found := b.find(r, key("1")); len(found[key("1")]) != want {
		b.t.Errorf("looked up, it is found as %v", found)
	}
	batch.Sent = time.Now()
	results, err = r.Write(b.t.Context(), batch)
	if err == nil && len(results) == 1 {
		err = results[0].Err
	}
	if err != nil {
		b.t.Errorf("sent again: %v", err)
	}
	if n := b.Count(b.t); n != 1 {
		b.t.Errorf("%d records after sending the batch again, want 1", n)
	}
}

// discretion does a bit of everything with values that can be recognised, refused ones too, and looks for them in logs
// and in what goes to the audit.
func (h Harness) discretion(t *testing.T) {
	b, r := h.ready(t)
	if b.Told == nil {
		t.Skip("nothing is recorded")
	}
	const canary = "canary value 4f1d"
	id := b.create(r, key("canary"), record.Fields{b.Text: record.OfText(canary)})
	b.read(r, id)
	b.list(r, 0)
	b.find(r, key("canary"), "canary' OR ''='")
	silent := append([]string{canary}, b.Secrets...)
	for i, refused := range b.Refused {
		b.write(r, fmt.Sprint("refused ", i), record.Patch{Op: record.Create, Key: key(fmt.Sprint(i)), Fields: b.with(refused.Fields)})
		for _, v := range refused.Fields {
			for _, part := range v.Parts() {
				if len(part) > 6 {
					silent = append(silent, part)
				}
			}
		}
	}
	for _, f := range h.Faults {
		if f.On == OnRead && f.Kind == provider.Unauthorized {
			b.Break(t, f, f.times())
			if _, err := r.Read(within(t, f.wait()), []string{id}); err == nil {
				t.Errorf("read in spite of %s", f.Name)
			}
			break
		}
	}
	told := b.Told()
	if told == "" {
		t.Error("nothing at all was logged or observed")
	}
	for _, s := range silent {
		if i := strings.Index(told, s); i >= 0 {
			t.Errorf("%.40q was told to the log or the audit: …%s…", s, told[max(0, i-200):min(len(told), i+100)])
		}
	}
}

func (h Harness) usage(t *testing.T) {
	b, r := h.ready(t)
	b.create(r, key("1"), nil)
	for _, u := range b.Provider.Usage() {
		if u.Name == "" || u.Used < 0 || u.Limit < 0 || u.Remaining < 0 || u.Limit > 0 && u.Remaining > u.Limit {
			t.Errorf("usage is %+v", u)
		}
	}
}

func (h Harness) closing(t *testing.T) {
	b, _ := h.ready(t)
	for range 2 {
		if err := b.Provider.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	}
}
