package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
	"accord/providers/salesforce/salesforceemulator/internal/org"
	"accord/providers/salesforce/salesforceemulator/internal/sfid"
)

// sheet is one CSV file and what its columns mean.
type sheet struct {
	file, object string
	header       []string
	rows         [][]string
	cols         []*column
}

type column struct {
	i      int
	header string
	field  *metadata.Field // nil for what is left out
	parent string          // external-id field of the parent, for Relation.Field headers
	rel    string
	layout string // of dates
}

// loadOrder puts what is referred to before what refers to it.
var loadOrder = []string{"UserRole", "Profile", "User", "Group", "RecordType", "Campaign", "Product2", "Pricebook2", "PricebookEntry", "Account", "Contact", "Lead", "Opportunity"}

func rank(object string) int {
	for i, name := range loadOrder {
		if name == object {
			return i
		}
	}
	return len(loadOrder)
}

// tables loads the CSV files.
func (l *loader) tables() error {
	var sheets []*sheet
	for _, f := range l.files {
		if ext := strings.ToLower(f[strings.LastIndexByte(f, '.')+1:]); ext != "csv" && ext != "tsv" {
			continue
		}
		if f == l.rates {
			continue
		}
		object := l.table.object(l, f)
		if object == "" {
			l.report.warn("%s: not recognised, not loaded; name its object in mapping.json", f)
			continue
		}
		s, err := l.readSheet(f, object)
		if err != nil {
			return err
		}
		if s != nil {
			sheets = append(sheets, s)
		}
	}
	sort.SliceStable(sheets, func(i, j int) bool { return rank(sheets[i].object) < rank(sheets[j].object) })
	ids := map[string]string{}
	for _, s := range sheets {
		if err := l.columns(s); err != nil {
			return err
		}
		if s.object == "User" {
			l.people.sheet(s)
			continue
		}
		l.sheetRows(s, ids)
	}
	return nil
}

func (l *loader) readSheet(file, object string) (*sheet, error) {
	raw, err := l.read(file)
	if err != nil {
		return nil, err
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	for _, c := range []byte{';', '\t', '|'} {
		if bytes.Count(first, []byte{c}) > bytes.Count(first, []byte{','}) {
			r.Comma = rune(c)
		}
	}
	s := &sheet{file: file, object: object}
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			l.report.warn("%s: %v; the rest of the file is not loaded", file, err)
			break
		}
		if s.header == nil {
			s.header = rec
		} else {
			s.rows = append(s.rows, rec)
		}
	}
	if len(s.header) == 0 {
		l.report.warn("%s: empty", file)
		return nil, nil
	}
	l.took(file, fmt.Sprintf("%d rows of %s", len(s.rows), object))
	return s, nil
}

func (s *sheet) value(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	return strings.TrimSpace(row[i])
}

// columns finds the field each column means; those nobody recognises become custom fields.
func (l *loader) columns(s *sheet) error {
	def := l.tx.ObjectDef(s.object)
	taken := map[*metadata.Field]bool{}
	var rest []*column
	for i, h := range s.header {
		h = strings.TrimSpace(h)
		c := &column{i: i, header: h}
		s.cols = append(s.cols, c)
		if h == "" || l.hasMapping(s.object, h, "-") {
			continue
		}
		if rel, field, ok := strings.Cut(h, "."); ok && def.Relation(rel) != nil {
			c.field, c.rel, c.parent = def.Relation(rel), rel, field
			continue
		}
		if f := l.recognise(def, h); f != nil && !taken[f] && !f.Calculated && !f.IsCompound() {
			c.field = f
			taken[f] = true
			continue
		}
		rest = append(rest, c)
	}
	if nf := def.NameFieldDef(); nf != nil && !taken[nf] && nf.Createable {
		rest = l.nameColumn(s, nf, rest, taken)
	}
	for _, c := range rest {
		if err := l.customColumn(s, def, c); err != nil {
			return err
		}
	}
	for _, c := range s.cols {
		if c.field != nil && (c.field.Type == "date" || c.field.Type == "datetime") {
			c.layout = l.dateLayout(s, c)
		}
	}
	return nil
}

func (l *loader) hasMapping(object, header, want string) bool {
	return l.table.Columns[object][fold(header)] == want
}

func (l *loader) recognise(def *metadata.Object, header string) *metadata.Field {
	if name, ok := l.table.Columns[def.Name][fold(header)]; ok {
		return def.Field(name)
	}
	if f := def.Field(header); f != nil && f.Name != "" {
		return f
	}
	for _, f := range def.Fields {
		if f.Name != "" && (fold(f.Name) == fold(header) || fold(f.Label) == fold(header) || fold(strings.TrimSuffix(f.Name, "__c")) == fold(header) && f.Custom) {
			return f
		}
	}
	if name, ok := l.table.Columns["*"][fold(header)]; ok {
		return def.Field(name)
	}
	return nil
}

// nameColumn lets an id column name the records of a file that has no name column.
func (l *loader) nameColumn(s *sheet, name *metadata.Field, rest []*column, taken map[*metadata.Field]bool) []*column {
	for _, key := range l.table.NameFrom[s.object] {
		for i, c := range rest {
			if fold(c.header) == fold(key) {
				c.field = name
				taken[name] = true
				return append(rest[:i:i], rest[i+1:]...)
			}
		}
	}
	return rest
}

func (l *loader) customColumn(s *sheet, def *metadata.Object, c *column) error {
	name := customName(c.header)
	if name == "" {
		l.report.warn("%s: the column %q has no name a field could have; left out", s.file, c.header)
		return nil
	}
	if f := l.tx.FieldDef(def.Name, name); f != nil {
		c.field = f
		return nil
	}
	if def.Setup {
		l.report.warn("%s: the column %q is left out: %s takes no custom fields here", s.file, c.header, def.Name)
		return nil
	}
	m := l.infer(s, c)
	f, err := l.tx.DefineField(def.Name, name, m)
	if err != nil {
		return fmt.Errorf("%s: the column %q: %w", s.file, c.header, err)
	}
	c.field = f
	l.report.Fields = append(l.report.Fields, def.Name+"."+f.Name)
	return l.tx.GrantToProfiles(def.Name)
}

// customName turns "engage_date" into "Engage_Date__c".
func customName(header string) string {
	parts := strings.FieldsFunc(header, func(r rune) bool { return r > 127 || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, p := range parts {
		parts[i] = strings.ToUpper(p[:1]) + p[1:]
	}
	name := strings.Join(parts, "_")
	if len(name) > 40 {
		name = strings.TrimRight(name[:40], "_")
	}
	if name == "" {
		return ""
	}
	if !unicode.IsLetter(rune(name[0])) {
		name = "X" + name
	}
	return name + "__c"
}

// record turns a row into a record. Values that cannot be read are left out, and said so.
func (l *loader) record(s *sheet, n int, ids map[string]string) (in org.Fields, later org.Fields) {
	in, later = org.Fields{}, org.Fields{}
	row := s.rows[n]
	for _, c := range s.cols {
		text := s.value(row, c.i)
		if c.field == nil || text == "" {
			continue
		}
		where := fmt.Sprintf("%s row %d, %s", s.file, n+2, c.header)
		switch {
		case c.rel != "":
			in[c.rel] = map[string]any{c.parent: text}
		case c.field.Type == "id":
			continue // ids of another org: see sheetRows
		case c.field.Type == "reference":
			id, wait := l.reference(s, c, text, ids)
			switch {
			case wait:
				later[c.field.Name] = text
			case id == "":
				l.report.warn("%s: no %s is named %q; left empty", where, strings.Join(c.field.ReferenceTo, " or "), text)
			default:
				in[c.field.Name] = id
			}
		default:
			v, ok := l.convert(s, c, text)
			if !ok {
				l.report.warn("%s: %q is no %s; left empty", where, text, c.field.Type)
				continue
			}
			if c.field.NameField && !c.field.Createable { // a person's full name
				first, last := splitName(text)
				in["FirstName"], in["LastName"] = first, last
				continue
			}
			in[c.field.Name] = v
		}
	}
	return in, later
}

func (l *loader) sheetRows(s *sheet, ids map[string]string) {
	type pending struct {
		id     string
		where  string
		fields org.Fields
	}
	var waiting []pending
	idColumn := -1
	for _, c := range s.cols {
		if c.field != nil && c.field.Type == "id" {
			idColumn = c.i
		}
	}
	for n, row := range s.rows {
		if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
			continue
		}
		in, later := l.record(s, n, ids)
		where := fmt.Sprintf("%s row %d", s.file, n+2)
		id := l.insert(where, s.object, in)
		if id == "" {
			continue
		}
		if old, ok := sfid.Normalize(s.value(row, max(idColumn, 0))); ok && idColumn >= 0 {
			ids[old] = id
		}
		if len(later) > 0 {
			waiting = append(waiting, pending{id, where, later})
		}
	}
	for _, p := range waiting { // rows that refer to rows of the same file
		for name, v := range p.fields {
			text, _ := v.(string)
			f := l.tx.FieldDef(s.object, name)
			id := ids[normal(text)]
			if id == "" {
				id = l.byName(f.ReferenceTo, text)
			}
			if id == "" {
				l.report.warn("%s: no %s is named %q; left empty", p.where, strings.Join(f.ReferenceTo, " or "), text)
				continue
			}
			if err := l.tx.Update(s.object, p.id, org.Fields{name: id}); err != nil {
				l.report.warn("%s: %s: %s", p.where, name, err)
			}
		}
	}
}

func normal(id string) string {
	n, _ := sfid.Normalize(id)
	return n
}

// reference finds the record a cell means: by the id it had where it comes from, or by name. wait is true where the
// file refers to itself.
func (l *loader) reference(s *sheet, c *column, text string, ids map[string]string) (id string, wait bool) {
	if id := ids[normal(text)]; id != "" {
		return id, false
	}
	for _, target := range c.field.ReferenceTo {
		if target == s.object {
			return "", true
		}
	}
	for _, target := range c.field.ReferenceTo {
		if target == "User" {
			if _, isID := sfid.Normalize(text); isID {
				return "", false
			}
			return l.people.find(text), false
		}
	}
	return l.byName(c.field.ReferenceTo, text), false
}

func (l *loader) byName(objects []string, text string) string {
	for _, name := range objects {
		if id := l.tx.FindByName(name, text); id != "" {
			return id
		}
	}
	return ""
}

func splitName(full string) (first, last any) {
	full = strings.Join(strings.Fields(full), " ")
	if l, f, ok := strings.Cut(full, ", "); ok {
		return f, l
	}
	i := strings.LastIndexByte(full, ' ')
	if i < 0 {
		return nil, full
	}
	return full[:i], full[i+1:]
}
