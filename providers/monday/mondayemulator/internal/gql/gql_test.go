package gql

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sdl = `
type Query { hero(id: ID, limit: Int = 3): Character  all: [Character!]!  maybe: [Character]  boom: String  must: String! num: Float  echo(v: JSON, t: String): JSON }
type Mutation { add(n: Int!): Int  fail(msg: String!): Int  strict: Int! }
scalar JSON
interface Character { name: String friend: Character }
type Human implements Character { name: String friend: Character height: Int! }
type Droid implements Character { name: String friend: Character model: String }
`

type human struct{ name string }
type droid struct{ name string }

type host struct{ sum int }

func schema(t testing.TB) *Schema[*host] {
	t.Helper()
	type F = Field[*host]
	val := func(v any) F { return func(*host, any, Args) (any, error) { return v, nil } }
	name := func(_ *host, obj any, _ Args) (any, error) {
		switch o := obj.(type) {
		case *human:
			return o.name, nil
		case *droid:
			return o.name, nil
		}
		return nil, nil
	}
	s, err := New(sdl, map[string]map[string]F{
		"Query": {
			"hero": func(_ *host, _ any, a Args) (any, error) {
				if a.Int("limit") != 3 {
					return &droid{"limited"}, nil
				}
				return &human{"Luke" + a.String("id")}, nil
			},
			"all":   val([]any{&human{"Luke"}, &droid{"R2"}}),
			"maybe": val([]any{&human{"Luke"}, nil}),
			"boom":  func(*host, any, Args) (any, error) { panic("boom") },
			"must":  val(nil),
			"num":   val(1.5),
			"echo":  func(_ *host, _ any, a Args) (any, error) { return a["v"], nil },
		},
		"Mutation": {
			"add": func(h *host, _ any, a Args) (any, error) { h.sum += a.Int("n"); return h.sum, nil },
			"fail": func(_ *host, _ any, a Args) (any, error) {
				return nil, &Error{Message: a.String("msg"), Code: "X", Status: 200, Data: map[string]any{"k": 1}}
			},
			"strict": func(*host, any, Args) (any, error) { return nil, &Error{Message: "no", Code: "Y"} },
		},
		"Human": {"name": name, "friend": val(&droid{"R2"}), "height": func(_ *host, o any, _ Args) (any, error) {
			if o.(*human).name == "Luke" {
				return nil, errors.New("unmeasured")
			}
			return 172, nil
		}},
		"Droid": {"name": name, "friend": val(nil), "model": val("astro \"mech\"\n")},
	}, func(obj any) string {
		if _, ok := obj.(*human); ok {
			return "Human"
		}
		return "Droid"
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t testing.TB, s *Schema[*host], body string) (string, []ResponseError) {
	t.Helper()
	req, err := DecodeRequest([]byte(body))
	if err != nil {
		return "", []ResponseError{{Message: err.Error()}}
	}
	p, errs, err := s.Prepare(req)
	if err != nil {
		return "", errs
	}
	res := s.Run(&host{}, p, func(_ Root, run func() error) error { return run() })
	return string(res.Data), res.Errors
}

func TestRun(t *testing.T) {
	s := schema(t)
	for name, x := range map[string]struct {
		query, vars, want string
		codes             string
	}{
		"alias and order":      {`{b:hero{name} a:hero(id:7){name}}`, ``, `{"b":{"name":"Luke"},"a":{"name":"Luke7"}}`, ""},
		"variables":            {`query($i:ID,$n:Int){hero(id:$i,limit:$n){name}}`, `{"i":5}`, `{"hero":{"name":"Luke5"}}`, ""},
		"default of a field":   {`query($n:Int){hero(limit:$n){name}}`, `{"n":9}`, `{"hero":{"name":"limited"}}`, ""},
		"variables as a text":  {`query($i:ID){hero(id:$i){name}}`, `"{\"i\":5}"`, `{"hero":{"name":"Luke5"}}`, ""},
		"fragments":            {`{all{__typename name ...on Droid{model}}}`, ``, `{"all":[{"__typename":"Human","name":"Luke"},{"__typename":"Droid","name":"R2","model":"astro \"mech\"\n"}]}`, ""},
		"named and nested":     {`{hero(id:1){...F friend{...F ...on Character{friend{name}}}}} fragment F on Character{name}`, ``, `{"hero":{"name":"Luke1","friend":{"name":"R2","friend":null}}}`, ""},
		"merged":               {`{hero(id:1){name} hero(id:1){friend{name}}}`, ``, `{"hero":{"name":"Luke1","friend":{"name":"R2"}}}`, ""},
		"skip and include":     {`query($y:Boolean!){hero(id:1){name @skip(if:$y) friend @include(if:$y){name}}}`, `{"y":true}`, `{"hero":{"friend":{"name":"R2"}}}`, ""},
		"null bubbles to list": {`{maybe{name ...on Human{height}}}`, ``, `{"maybe":[null,null]}`, "INTERNAL_SERVER_ERROR"},
		"null bubbles to root": {`{all{...on Human{height}}}`, ``, `null`, "INTERNAL_SERVER_ERROR"},
		"null where none may":  {`{num must}`, ``, `null`, "INTERNAL_SERVER_ERROR"},
		"a panic is an error":  {`{num boom}`, ``, `{"num":1.5,"boom":null}`, "INTERNAL_SERVER_ERROR"},
		"serial, alone":        {`mutation{a:add(n:1) b:fail(msg:"m") c:add(n:2)}`, ``, `{"a":1,"b":null,"c":3}`, "X"},
		"JSON literal":         {`{echo(v:{a:[1,"x",null,true],b:1.5})}`, ``, `{"echo":{"a":[1,"x",null,true],"b":1.5}}`, ""},
		"JSON variable":        {`query($v:JSON){echo(v:$v)}`, `{"v":{"a":[12345678901,"x"]}}`, `{"echo":{"a":[12345678901,"x"]}}`, ""},
		"unicode":              {`query($v:JSON){echo(v:$v)}`, `{"v":"שלום 🎉 \u0000 \u2028"}`, `{"echo":"שלום 🎉 \u0000 ` + "\u2028" + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"query":` + quote(x.query)
			if x.vars != "" {
				body += `,"variables":` + x.vars
			}
			got, errs := run(t, s, body+"}")
			var codes []string
			for _, e := range errs {
				codes = append(codes, e.Extensions["code"].(string))
			}
			if d := cmp.Diff(x.want, got); d != "" || strings.Join(codes, ",") != x.codes {
				t.Errorf("%s errors %v", d, errs)
			}
		})
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestErrorEntries(t *testing.T) {
	s := schema(t)
	_, errs := run(t, s, `{"query":"mutation {\n  x: fail(msg: \"m\")\n}"}`)
	want := []ResponseError{{Message: "m", Locations: []Location{{2, 3}}, Path: []any{"x"}, Extensions: map[string]any{"code": "X", "status_code": 200, "error_data": map[string]any{"k": 1}}}}
	if d := cmp.Diff(want, errs); d != "" {
		t.Error(d)
	}
	_, errs = run(t, s, `{"query":"query {\n  hero {\n    nope\n  }\n}"}`)
	want = []ResponseError{{Message: "Field 'nope' doesn't exist on type 'Character'", Locations: []Location{{3, 5}}, Path: []any{"query", "hero", "nope"}, Extensions: map[string]any{"code": "undefinedField", "typeName": "Character", "fieldName": "nope"}}}
	if d := cmp.Diff(want, errs); d != "" {
		t.Error(d)
	}
	if data, errs := run(t, s, `{"query":"mutation{strict}"}`); data != "null" || len(errs) != 1 {
		t.Errorf("%s %v", data, errs)
	}
}

func TestSchemaMustBeBound(t *testing.T) {
	type F = Field[*host]
	nothing := func(*host, any, Args) (any, error) { return nil, nil }
	for name, fields := range map[string]map[string]map[string]F{
		"a field without resolver": {"Query": {}},
		"a resolver without field": {"Query": {"a": nothing, "b": nothing}},
		"a type that is not there": {"Query": {"a": nothing}, "Other": {"x": nothing}},
	} {
		if _, err := New(`type Query{a:String}`, fields, func(any) string { return "" }); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzRun(f *testing.F) {
	for _, s := range []string{`{hero{name}}`, `query($i:ID){hero(id:$i){...on Human{height}}}`, `{__schema{types{name}}}`, `mutation{add(n:99999999999999999999)}`, "{", `{a:{`, "\ufeff{num}", `{hero{friend{friend{friend{name}}}}}`, `query($v:JSON={a:1}){echo(v:$v)}`, `fragment F on Human{...F} {hero{...F}}`} {
		f.Add(s, `{"i":1}`)
	}
	s := schema(f)
	f.Fuzz(func(t *testing.T, query, vars string) {
		body := `{"query":` + quote(query) + `,"variables":` + vars + `}`
		data, _ := run(t, s, body)
		if data != "" && !json.Valid([]byte(data)) {
			t.Errorf("the answer is not JSON: %q", data)
		}
	})
}
