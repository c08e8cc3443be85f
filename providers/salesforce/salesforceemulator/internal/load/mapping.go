package load

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
)

//go:embed mapping.json
var builtinMapping []byte

// mapping is the table by which exports of other CRMs are recognised. Keys of columns are folded: lower case, letters and
// digits only.
type mapping struct {
	// Files gives the words of a file name that mean an object.
	Files map[string][]string `json:"files"`
	// IgnoreFileWords are words in the name of a file that holds no records, such as a data dictionary.
	IgnoreFileWords []string `json:"ignore_file_words"`
	// Columns gives the field a column means, by object; "*" is for all. "-" leaves the column out.
	Columns map[string]map[string]string `json:"columns"`
	// NameFrom lists the columns that name a record whose file has no name column.
	NameFrom map[string][]string `json:"name_from"`
	// Values gives the spelling of values, by Object.Field, then lower-case value.
	Values map[string]map[string]string `json:"values"`
	// TimeZones gives users a time zone by the words of any of their columns.
	TimeZones map[string]string `json:"time_zones"`
	// MoneyWords make a new number field a currency.
	MoneyWords []string `json:"money_words"`
	// Objects names the object of a file outright, by the file's name.
	Objects map[string]string `json:"objects"`
}

// readMapping lays the folder's mapping.json and then the caller's over the built-in table.
func readMapping(l *loader, extra []byte) (*mapping, error) {
	m := &mapping{}
	if err := m.lay(builtinMapping); err != nil {
		return nil, fmt.Errorf("the built-in mapping: %w", err)
	}
	for _, f := range l.files {
		if path.Base(f) != "mapping.json" {
			continue
		}
		raw, err := l.read(f)
		if err != nil {
			return nil, err
		}
		if err := m.lay(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	if len(extra) > 0 {
		if err := m.lay(extra); err != nil {
			return nil, fmt.Errorf("the given mapping: %w", err)
		}
	}
	return m, nil
}

func (m *mapping) lay(raw []byte) error {
	var over mapping
	if err := json.Unmarshal(raw, &over); err != nil {
		return fmt.Errorf("reading a mapping: %w", err)
	}
	merge(&m.Files, over.Files)
	merge(&m.NameFrom, over.NameFrom)
	merge(&m.TimeZones, over.TimeZones)
	merge(&m.Objects, over.Objects)
	if m.Columns == nil {
		m.Columns, m.Values = map[string]map[string]string{}, map[string]map[string]string{}
	}
	for object, cols := range over.Columns {
		folded := m.Columns[object]
		merge(&folded, nil)
		for k, v := range cols {
			folded[fold(k)] = v
		}
		m.Columns[object] = folded
	}
	for field, values := range over.Values {
		folded := m.Values[field]
		merge(&folded, nil)
		for k, v := range values {
			folded[strings.ToLower(k)] = v
		}
		m.Values[field] = folded
	}
	if over.IgnoreFileWords != nil {
		m.IgnoreFileWords = over.IgnoreFileWords
	}
	if over.MoneyWords != nil {
		m.MoneyWords = over.MoneyWords
	}
	return nil
}

func merge[V any](into *map[string]V, from map[string]V) {
	if *into == nil {
		*into = map[string]V{}
	}
	maps.Copy(*into, from)
}

// fold leaves letters and digits, in lower case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// words cuts a file name apart.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// object finds what the records of a CSV file are, by its name; "" where nothing is recognised.
func (m *mapping) object(l *loader, file string) string {
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if name := m.Objects[path.Base(file)]; name != "" {
		return l.tx.Canonical(name)
	}
	for _, name := range []string{base, strings.TrimSuffix(base, "s")} {
		if known := l.tx.Canonical(name); known != "" && l.tx.ObjectDef(known).Createable {
			return known
		}
	}
	ws := words(base)
	for _, w := range ws {
		if slices.Contains(m.IgnoreFileWords, w) {
			return ""
		}
	}
	for i := len(ws) - 1; i >= 0; i-- { // the last word says most: sales_pipeline, crm_accounts
		for _, object := range slices.Sorted(maps.Keys(m.Files)) {
			if slices.Contains(m.Files[object], ws[i]) {
				return object
			}
		}
	}
	return ""
}
