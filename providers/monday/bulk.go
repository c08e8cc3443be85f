package monday

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/engine/provider"
	"accord/engine/record"
)

// Imports by file follow "Importing items in bulk": ingest_items answers with a place for a CSV file, and the report of
// the job tells what became of each row. Rows are matched by the key column and never make a second item, so that a
// file which is sent again does no harm. What a file can't say exactly goes by mutations instead.
const (
	bulkFrom      = 200    // from here on a file beats documents with a hundred mutations
	bulkRows      = 10_000 // in one file
	bulkBytes     = 100 << 20
	bulkCalls     = 10 // one to begin, the others to see it end
	bulkRelations = 5  // connect-boards columns in one file
	bulkLinks     = 50 // links in one cell
	bulkTime      = 20 * time.Minute
	nullCell      = "<NULL>" // clears a cell
)

// importable are the types of columns that a file may hold.
var importable = []string{
	nameColumn, "board_relation", "checkbox", "date", "dropdown", "email", "link", "long_text", "numbers", "people", "phone", "status", "text", "timeline",
}

// loads says whether items can come by file: rows are matched by a key column of type text.
func (r *records) loads() bool { return r.key != nil && r.key.typ == "text" }

// file is what of a batch goes into one import.
type file struct {
	columns []boundColumn // besides the name
	rows    []int         // patches, in the order of the file
	text    []byte
}

// load writes a large batch: by file what fits into one, the rest by mutations.
func (r *records) load(ctx context.Context, batch provider.Batch, results []record.Result) error {
	f, rest, err := r.file(batch.Patches, results)
	if err != nil {
		return err
	}
	if len(f.rows) < bulkFrom {
		return r.mutateAll(ctx, batch.Key, batch.Patches, results)
	}
	refused, err := r.ingest(ctx, batch, f, results)
	if err != nil {
		return err
	}
	rest = append(rest, refused...)
	if len(rest) == 0 {
		return nil
	}
	slices.Sort(rest)
	patches, some := make([]record.Patch, len(rest)), make([]record.Result, len(rest))
	for i, n := range rest {
		patches[i] = batch.Patches[n]
	}
	key := batch.Key
	if key != "" {
		key += "-rest"
	}
	if err := r.mutateAll(ctx, key, patches, some); err != nil {
		spread(err, some, nil)
	}
	for i, n := range rest {
		results[n] = some[i]
	}
	return nil
}

// file sorts the patches of a batch: those that a file can carry, and the rest. What can't be written at all gets its
// result. The same patches always make the same file.
func (r *records) file(patches []record.Patch, results []record.Result) (f file, rest []int, err error) {
	f.columns = r.fileColumns(patches)
	var text strings.Builder
	w := csv.NewWriter(&text)
	head := []string{nameColumn}
	for _, c := range f.columns {
		head = append(head, c.id)
	}
	if err := w.Write(head); err != nil {
		return f, nil, fmt.Errorf("write an import file: %w", err)
	}
	keys := map[string]bool{}
	for i, p := range patches {
		values, _, err := r.values(p)
		if err != nil {
			results[i] = record.Result{ID: p.ID, Err: err}
			continue
		}
		line, ok := r.line(f.columns, p, values)
		// Whether the vendor tells keys apart by case is not documented.
		if key := strings.ToLower(p.Key); !ok || keys[key] || text.Len() > bulkBytes || len(f.rows) == bulkRows {
			rest = append(rest, i)
			continue
		} else {
			keys[key] = true
		}
		if err := w.Write(line); err != nil {
			return f, nil, fmt.Errorf("write an import file: %w", err)
		}
		w.Flush() // so that the size is known
		f.rows = append(f.rows, i)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return f, nil, fmt.Errorf("write an import file: %w", err)
	}
	f.text = []byte(text.String())
	return f, rest, nil
}

// fileColumns are the columns that creates give values to, as far as a file may hold them.
func (r *records) fileColumns(patches []record.Patch) []boundColumn {
	used := map[string]bool{}
	for _, p := range patches {
		if p.Op == record.Create {
			for name, v := range p.Fields {
				used[name] = used[name] || !v.IsEmpty()
			}
		}
	}
	var columns []boundColumn
	relations := 0
	for _, c := range r.columns {
		if !used[c.field] && r.key.id != c.id || c.id == nameColumn || !slices.Contains(importable, c.typ) {
			continue
		}
		if c.typ == "board_relation" {
			if relations++; relations > bulkRelations {
				continue
			}
		}
		columns = append(columns, c)
	}
	return columns
}

// line is a patch as a line of a file; ok is false when a file can't say all of it.
func (r *records) line(columns []boundColumn, p record.Patch, values map[string]any) (line []string, ok bool) {
	if p.Op != record.Create || p.Key == "" {
		return nil, false
	}
	name, _ := values[nameColumn].(string)
	if !plain(name) || strings.ContainsRune(name, '\n') {
		return nil, false
	}
	line, written := []string{name}, 1
	for _, c := range columns {
		v := p.Fields[c.field]
		if c.id == r.key.id {
			v = record.OfText(p.Key)
		}
		if values[c.id] == nil {
			line = append(line, "")
			continue
		}
		text, ok := c.line(v)
		if !ok {
			return nil, false
		}
		line = append(line, text)
		written++
	}
	return line, written == len(values)
}

// plain says whether a text survives a file as it is: no white space around it, nothing that a reader of CSV may change,
// and no word that means something else.
func plain(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && s != nullCell && !strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == '\ufeff'
	})
}

// listed says whether a text can stand in a list that is separated by commas, and is not taken for an id.
func listed(s string) bool {
	return plain(s) && !strings.ContainsAny(s, ",\"\n;") && strings.Trim(s, "0123456789") != ""
}

// line is the form in which a file takes a value that is not empty; ok is false where it has none that is exact.
func (b *boundColumn) line(v record.Value) (text string, ok bool) {
	s := v.Part(0)
	switch b.typ {
	case "text", "long_text":
		return s, plain(s)
	case "numbers":
		return s, true
	case "phone":
		return s, plain(s) && !strings.ContainsAny(s, " \n") // what follows a space is a country
	case "email":
		return s, plain(s) && !strings.ContainsAny(s, " <>,\n")
	case "link":
		return linkLine(s, v.Part(1))
	case "date":
		return s, v.Kind() == record.Date // a file knows no time of day
	case "timeline":
		return s + "/" + v.Part(1), true
	case "checkbox":
		return "true", v.Bool()
	case "status":
		same := 0
		for _, l := range b.labels {
			if !l.Off && l.Text == s {
				same++
			}
		}
		return s, same == 1 && listed(s)
	case "dropdown":
		return strings.Join(v.Parts(), ","), !slices.ContainsFunc(v.Parts(), func(s string) bool { return !listed(s) })
	case "people":
		list := v.Parts()
		for i, p := range list {
			if isID(p) {
				list[i] = "user:" + p
			} else if kind, number, _ := strings.Cut(p, ":"); kind != "team" || !isID(number) {
				return "", false
			}
		}
		return strings.Join(list, ","), true
	case "board_relation":
		return strings.Join(v.Parts(), ","), v.Len() <= bulkLinks
	default:
		return "", false
	}
}

func linkLine(address, text string) (string, bool) {
	if !plain(address) || strings.ContainsAny(address, " ()[]<>\n\t") {
		return "", false
	}
	if text == "" || text == address {
		return address, true
	}
	return "[" + text + "](" + address + ")", plain(text) && !strings.ContainsAny(text, "[]()\n\t")
}
