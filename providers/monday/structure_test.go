package monday

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"accord/engine/provider"
	"accord/engine/resource"
)

func TestOfficialSchemaIsThere(t *testing.T) {
	schema, err := loadSchema()
	if err != nil {
		t.Fatal(err)
	}
	if schema == nil {
		t.Skip("the official schema is not beside the repository, documents are not validated: ", officialSchema)
	}
	if n := len(schema.Mutation.Fields); n < 200 {
		t.Errorf("%d mutations, want the whole schema", n)
	}
}

func TestExpandListsSharedThingsOnce(t *testing.T) {
	p := newProvider(t, "http://127.0.0.1:1", func(c *Config) { c.WebhookURL = hookURL })
	second := dealSpec()
	second.Object = "deal_too"
	i := slices.IndexFunc(second.Fields, func(f provider.FieldSpec) bool { return f.Type == "status" })
	second.Fields[i].Options = []string{"Won", "Parked"}
	got, err := p.Expand([]provider.ObjectSpec{clientSpec(), dealSpec(), second})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]resource.Resource{}
	for _, r := range got {
		if _, twice := seen[r.Address]; twice {
			t.Errorf("%s is listed twice", r.Address)
		}
		seen[r.Address] = r
	}
	status := seen["monday.work/board/Deals/column/my_status"]
	want := map[string]any{"type": "status", "labels": []any{"Open", "Won", "2023", "Parked"}, "colors": map[string]any{"Won": "done_green"}}
	if diff := cmp.Diff(want, status.Attributes); diff != "" {
		t.Errorf("status: %s", diff)
	}
	relation := seen["monday.work/board/Deals/column/my_board_relation"]
	if !slices.Equal(relation.DependsOn, []string{"monday.work/board/Deals", "monday.work/board/Clients"}) {
		t.Errorf("relation depends on %v", relation.DependsOn)
	}
	if r := seen["monday.work/board/Clients/webhook/create_item"]; r.Address != "" {
		t.Error("a board that is not watched has webhooks")
	}
}

func TestExpandRefuses(t *testing.T) {
	field := func(f provider.FieldSpec) func(*provider.ObjectSpec) {
		return func(s *provider.ObjectSpec) { s.Fields = append(s.Fields, f) }
	}
	many := make([]string, 41)
	for i := range many {
		many[i] = strings.Repeat("x", i%20) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	tests := map[string]struct {
		change func(*provider.ObjectSpec)
		says   string
	}{
		"no board":              {func(s *provider.ObjectSpec) { delete(s.Settings, "board") }, "names no board"},
		"strange setting":       {func(s *provider.ObjectSpec) { s.Settings["grup"] = "x" }, `no setting "grup"`},
		"unknown type":          {field(provider.FieldSpec{Type: "currency", Name: "x"}), `no column type "currency"`},
		"bad id":                {field(provider.FieldSpec{Type: "text", Name: "Big-Id"}), "can't be the id"},
		"name with type":        {field(provider.FieldSpec{Type: "text", Name: "name"}), "item's own name"},
		"unknown colour":        {field(provider.FieldSpec{Type: "status", Name: "s", Options: []string{"A"}, Colors: map[string]string{"A": "mauve"}}), `"mauve"`},
		"too many labels":       {field(provider.FieldSpec{Type: "status", Name: "s", Options: many}), "41"},
		"long label":            {field(provider.FieldSpec{Type: "status", Name: "s", Options: []string{strings.Repeat("ü", 31)}}), "30 characters"},
		"relation to nowhere":   {field(provider.FieldSpec{Type: "board_relation", Name: "r", Refers: "nobody"}), `"nobody"`},
		"relation without aim":  {field(provider.FieldSpec{Type: "board_relation", Name: "r"}), "which object"},
		"one column, two types": {field(provider.FieldSpec{Type: "numbers", Name: "my_text"}), "asked for as"},
	}
	for name, test := range tests {
		s := dealSpec()
		test.change(&s)
		_, err := newProvider(t, "http://127.0.0.1:1", nil).Expand([]provider.ObjectSpec{clientSpec(), s})
		if provider.KindOf(err) != provider.Invalid || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want it to say %q", name, err, test.says)
		}
	}
}

// TestAddingLabelsLosesNone: whatever is there and whatever is wanted, every label keeps its id and its text, what is
// wanted is there, and adding again changes nothing.
func TestAddingLabelsLosesNone(t *testing.T) {
	text := rapid.StringMatching(`[a-e]{1,2}`)
	color := rapid.SampledFrom(append(slices.Clone(colors), ""))
	rapid.Check(t, func(t *rapid.T) {
		var have []label
		for i, s := range rapid.SliceOfNDistinct(text, 0, 12, rapid.ID[string]).Draw(t, "have") {
			have = append(have, label{ID: int64(i * 3), Text: s, Color: color.Draw(t, "color"), Off: rapid.Bool().Draw(t, "off")})
		}
		want := wantedLabels{colors: map[string]string{}}
		want.texts = rapid.SliceOfNDistinct(text, 0, 12, rapid.ID[string]).Draw(t, "want")
		for _, s := range want.texts {
			if c := color.Draw(t, "wanted color"); c != "" {
				want.colors[s] = c
			}
		}
		got, changed := withWanted(have, want)
		for i, l := range have {
			if got[i].ID != l.ID || got[i].Text != l.Text {
				t.Fatalf("label %+v became %+v", l, got[i])
			}
		}
		for _, s := range want.texts {
			if !slices.ContainsFunc(got, func(l label) bool { return l.Text == s && !l.Off }) {
				t.Fatalf("%q is not there", s)
			}
		}
		if _, again := withWanted(got, want); again {
			t.Fatal("adding again changes something")
		}
		if !changed && len(got) != len(have) {
			t.Fatal("labels were added, and nothing is said to have changed")
		}
	})
}

func TestTwoBoardsOfOneNameAreNotGuessed(t *testing.T) {
	list := `{"data":{"boards":[{"id":"1","name":"Deals","type":"board","workspace":null},{"id":"2","name":"Deals","type":"board","workspace":null},{"id":"3","name":"Deals","type":"board","workspace":{"id":"9","name":"x"}}]}}`
	v := newVendor(t, reply{body: list})
	p := newProvider(t, v.URL, nil)
	s := dealSpec()
	s.Settings["workspace"] = mainWorkspace
	s.Fields = nil
	want, err := p.Expand([]provider.ObjectSpec{s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Describe(t.Context(), want); provider.KindOf(err) != provider.Invalid || !strings.Contains(err.Error(), "[1 2]") {
		t.Errorf("got %v", err)
	}
}

func TestRememberedBoardThatIsGone(t *testing.T) {
	for name, body := range map[string]string{
		"not shown": `{"data":{"boards":[]}}`,
		"archived":  `{"data":{"boards":[{"id":"12","name":"Deals","state":"archived"}]}}`,
	} {
		v := newVendor(t, reply{body: body})
		p := newProvider(t, v.URL, nil)
		r := resource.Resource{Address: "monday.work/board/Deals", Connection: "monday.work", Kind: kindBoard, Name: "Deals", ID: "12", Managed: true}
		if _, err := p.Describe(t.Context(), []resource.Resource{r}); provider.KindOf(err) != provider.Hidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStaleRevisionIsWorkedOutAnew(t *testing.T) {
	column := func(revision, labels string) string {
		return `{"id":"my_status","title":"S","type":"status","archived":false,"revision":"` + revision + `","settings":{"labels":[` + labels + `]}}`
	}
	read := func(c string) reply { return reply{body: `{"data":{"boards":[{"columns":[` + c + `]}]}}`} }
	open := `{"id":0,"label":"Open","color":0,"index":0}`
	other := `{"id":4,"label":"Other","color":"purple","index":1}`
	all := open + `,` + other + `,{"id":1,"label":"Won","color":"done_green","index":2},{"id":8,"label":"2023","color":"done_green","index":3}`
	v := newVendor(t, read(column("r1", open)),
		reply{body: `{"data":{"made":null},"errors":[{"message":"changed","path":["made"],"extensions":{"code":"RevisionMismatch"}}]}`},
		read(column("r2", open+`,`+other)), read(column("r2", open+`,`+other)),
		reply{body: `{"data":{"made":` + column("r3", all) + `}}`})
	p := newProvider(t, v.URL, nil)
	b := dealBinding(t, p)
	resolved := map[string]resource.Resource{}
	for _, r := range b.Resources {
		resolved[r.Address] = r
	}
	want := resolved["monday.work/board/Deals/column/my_status"]
	got, err := p.Apply(t.Context(), resource.Change{Action: resource.Update, Want: want, Have: &want}, resolved)
	if err != nil {
		t.Fatal(err)
	}
	if len(labelsFromAttribute(got.Attributes["choices"])) != 4 {
		t.Errorf("got %+v", got.Attributes)
	}
	sent := v.requests()
	last := sent[len(sent)-1].Variables
	labels := last["settings"].(map[string]any)["labels"].([]any)
	if last["revision"] != "r2" || len(labels) != 4 || labels[1].(map[string]any)["id"] != float64(4) {
		t.Errorf("sent %v", last)
	}
}

func TestHandshakeIsExplained(t *testing.T) {
	v := newVendor(t, reply{body: `{"data":{"made":null},"errors":[{"message":"Internal Server Error","path":["made"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`})
	p := newProvider(t, v.URL, func(c *Config) { c.WebhookURL = "https://sync.acme.example/very-secret-path" })
	n := newNames(dealSpec())
	r := resource.Resource{Address: n.webhook("create_item"), Connection: "monday.work", Kind: kindWebhook, Managed: true, Attributes: map[string]any{"event": "create_item"}}
	_, err := p.Apply(context.Background(), resource.Change{Action: resource.Create, Want: r}, map[string]resource.Resource{n.board: {ID: "12"}})
	if err == nil || !strings.Contains(err.Error(), "sync.acme.example") || strings.Contains(err.Error(), "very-secret-path") {
		t.Errorf("got %v", err)
	}
}

func TestMovedBoardIsMovedBack(t *testing.T) {
	board := `{"data":{"workspaces":[{"id":"5","name":"Sales"}],"boards":[{"id":"12","name":"Deals","state":"active","workspace":{"id":"6","name":"Elsewhere"}}]}}`
	for name, test := range map[string]struct {
		answer string
		want   provider.Kind
		ok     bool
	}{
		"moved":   {`{"data":{"move":{"success":true}}}`, 0, true},
		"refused": {`{"data":{"move":{"success":false,"message":"no"}}}`, provider.Invalid, false},
	} {
		v := newVendor(t, reply{body: board}, reply{body: board}, reply{body: test.answer})
		p := newProvider(t, v.URL, nil)
		want, err := p.Expand([]provider.ObjectSpec{clientSpec(), dealSpec()})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(want, func(r resource.Resource) bool { return r.Address == "monday.work/board/Deals" })
		want[i].ID = "12"
		workspace := resource.Resource{Address: "monday.work/workspace/Sales", Connection: "monday.work", Kind: kindWorkspace, Name: "Sales", ID: "5"}
		got, err := p.Apply(t.Context(), resource.Change{Action: resource.Update, Want: want[i]}, map[string]resource.Resource{workspace.Address: workspace})
		if (err == nil) != test.ok || err != nil && provider.KindOf(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
		if test.ok && got.Attributes["workspace"] != "Sales" {
			t.Errorf("%s: %+v", name, got)
		}
		if sent := v.requests(); len(sent) != 3 || sent[2].Variables["to"].(map[string]any)["workspace_id"] != "5" {
			t.Errorf("%s: sent %+v", name, sent)
		}
	}
}
