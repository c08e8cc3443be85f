package mondayemulator

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadableColumns reads the kinds that clients meet on boards and seldom write: files, formulas, dependencies, buttons.
func TestReadableColumns(t *testing.T) {
	c := start(t, Options{})
	b := c.board("Deals")
	c.column(b, "n", "numbers", nil)
	c.column(b, "files", "file", nil)
	c.column(b, "price", "formula", map[string]any{"formula": "({n} + 2) * 1.5 - -1"})
	c.column(b, "share", "formula", map[string]any{"formula": "1 / {n}"})
	c.column(b, "go", "button", map[string]any{"label": "Click me", "color": "#00c875"})
	c.column(b, "after", "dependency", nil)
	first := c.item(b, "first", "{}")
	item := c.item(b, "second", fmt.Sprintf(`{"n":"10","after":{"item_ids":[%s]},"files":{"files":[{"fileType":"LINK","linkToFile":"https://files.example.com/a.pdf","name":"a.pdf"}]}}`, first))
	read := func(id, column, selection string) any {
		d := c.ok(fmt.Sprintf(`{items(ids:[%s]){column_values(ids:[%q]){__typename text value %s}}}`, id, column, selection), nil)
		return at(t, d, "items.#0.column_values.#0")
	}
	for _, x := range []struct {
		id, column, selection string
		want                  map[string]any
	}{
		{item, "files", "...on FileValue{files{...on FileLinkValue{name url kind}}}", map[string]any{"__typename": "FileValue", "text": "https://files.example.com/a.pdf",
			"value": `{"files":[{"fileType":"LINK","linkToFile":"https://files.example.com/a.pdf","name":"a.pdf"}]}`,
			"files": []any{map[string]any{"name": "a.pdf", "url": "https://files.example.com/a.pdf", "kind": "link"}}}},
		{first, "files", "...on FileValue{files{__typename}}", map[string]any{"__typename": "FileValue", "text": "", "value": nil, "files": []any{}}},
		{item, "price", "...on FormulaValue{display_value}", map[string]any{"__typename": "FormulaValue", "text": nil, "value": nil, "display_value": "19"}},
		{first, "price", "...on FormulaValue{display_value}", map[string]any{"__typename": "FormulaValue", "text": nil, "value": nil, "display_value": "4"}},
		{first, "share", "...on FormulaValue{display_value}", map[string]any{"__typename": "FormulaValue", "text": nil, "value": nil, "display_value": ""}},
		{item, "go", "...on ButtonValue{label color}", map[string]any{"__typename": "ButtonValue", "text": nil, "value": nil, "label": "Click me", "color": "#00c875"}},
		{item, "after", "...on DependencyValue{display_value linked_item_ids}", map[string]any{"__typename": "DependencyValue", "text": nil, "value": nil, "display_value": "first", "linked_item_ids": []any{first}}},
	} {
		if d := cmp.Diff(x.want, read(x.id, x.column, x.selection)); d != "" {
			t.Errorf("%s of %s: %s", x.column, x.id, d)
		}
	}
	set := func(values string) string {
		return fmt.Sprintf(`mutation{change_multiple_column_values(board_id:%s,item_id:%s,column_values:%q){id}}`, b, item, values)
	}
	c.ok(set(`{"files":{"clear_all":true}}`), nil)
	if m, _ := read(item, "files", "").(map[string]any); m["text"] != "" || m["value"] != nil {
		t.Errorf("after clearing: %v", m)
	}
	for _, values := range []string{`{"price":"1"}`, `{"go":"1"}`, `{"files":"x"}`, `{"files":{"files":[{"fileType":"ASSET","assetId":1}]}}`} {
		if got := code(c, set(values)); got != "ColumnValueException" {
			t.Errorf("%s: %q", values, got)
		}
	}
	for _, formula := range []string{"{n", "IF({n} > 1, 1, 2)", "1 +", "(1"} {
		d := fmt.Sprintf(`mutation{create_column(board_id:%s,title:"F",column_type:formula,defaults:%q){id}}`, b, fmt.Sprintf(`{"formula":%q}`, formula))
		if got := code(c, d); got != "InvalidArgumentException" {
			t.Errorf("the formula %q: %q", formula, got)
		}
	}
}

// code is that of the first error that a document is answered with.
func code(c *client, document string) string {
	errs := c.do(document, nil).Errors
	if len(errs) == 0 {
		return ""
	}
	s, _ := errs[0].Extensions["code"].(string)
	return s
}
