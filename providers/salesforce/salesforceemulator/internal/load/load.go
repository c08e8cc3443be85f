package load

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// Options change how a folder is read.
type Options struct {
	// Mapping is the JSON of a mapping that comes on top of the built-in one and of the folder's mapping.json.
	Mapping []byte
}

// Report says what was loaded.
type Report struct {
	// Records counts loaded records by object.
	Records map[string]int `json:"records"`
	// Objects and Fields are what was defined beyond the standard ones, such as "Property__c" and "Account.Sector__c".
	Objects []string `json:"objects,omitempty"`
	Fields  []string `json:"fields,omitempty"`
	// Files are the files that were read, with what they were taken for.
	Files []string `json:"files,omitempty"`
	// Warnings name what could not be loaded as it is, and why.
	Warnings []string `json:"warnings,omitempty"`
}

func (r *Report) warn(format string, args ...any) {
	if len(r.Warnings) < 200 {
		r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
	}
}

// maxFile bounds what is read into memory at once.
const maxFile = 512 << 20

type loader struct {
	o      *org.Org
	tx     *org.Tx
	root   string
	files  []string // relative to root, sorted
	report Report
	table  *mapping
	people *people
	rates  string // the file of currencies, which is not read as a table
}

// Dir loads everything it understands below dir, in one transaction. An error means that nothing was loaded.
func Dir(o *org.Org, dir string, opts Options) (Report, error) {
	l := &loader{o: o, root: dir, report: Report{Records: map[string]int{}}}
	if err := l.find(); err != nil {
		return Report{}, err
	}
	table, err := readMapping(l, opts.Mapping)
	if err != nil {
		return Report{}, err
	}
	l.table = table
	l.tx = o.Begin(org.Caller{UserID: o.Admin(), System: true, Loading: true})
	defer l.tx.Rollback()
	l.people = newPeople(l)
	for _, step := range []func() error{l.currencies, l.sourceFormat, l.describes, l.trees, l.tables} {
		if err := step(); err != nil {
			return Report{}, fmt.Errorf("loading %s: %w", dir, err)
		}
	}
	l.tx.Commit()
	sort.Strings(l.report.Objects)
	sort.Strings(l.report.Fields)
	return l.report, nil
}

// find lists the files, following no links out of the folder.
func (l *loader) find() error {
	err := filepath.WalkDir(l.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != l.root && (strings.HasPrefix(name, ".") || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(l.root, path)
		if err != nil {
			return err
		}
		l.files = append(l.files, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading the folder %s: %w", l.root, err)
	}
	sort.Strings(l.files)
	return nil
}

func (l *loader) read(name string) ([]byte, error) {
	path := filepath.Join(l.root, filepath.FromSlash(name))
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("reading %s: it is larger than %d MB", name, maxFile>>20)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return raw, nil
}

func (l *loader) with(suffix string) []string {
	var out []string
	for _, f := range l.files {
		if strings.HasSuffix(f, suffix) {
			out = append(out, f)
		}
	}
	return out
}

func (l *loader) took(file, as string) {
	l.report.Files = append(l.report.Files, file+": "+as)
}

// insert adds a record; a row that cannot be loaded becomes a warning.
func (l *loader) insert(where, object string, in org.Fields) string {
	mark := l.tx.Savepoint()
	id, err := l.tx.Insert(object, in)
	if err != nil {
		l.tx.RollbackTo(mark)
		l.report.warn("%s: %s", where, err)
		return ""
	}
	l.report.Records[l.tx.Canonical(object)]++
	return id
}

// plan is a tree plan: which files to load in which order.
type plan []struct {
	SObject string   `json:"sobject"`
	Files   []string `json:"files"`
}

type treeFile struct {
	Records []org.Fields `json:"records"`
}

// trees loads tree JSON: files named by plans first, in their order, then the others.
func (l *loader) trees() error {
	done := map[string]bool{}
	refs := map[string]string{}
	for _, name := range l.with("-plan.json") {
		raw, err := l.read(name)
		if err != nil {
			return err
		}
		var p plan
		if err := json.Unmarshal(raw, &p); err != nil {
			l.report.warn("%s: not a tree plan: %v", name, err)
			continue
		}
		l.took(name, "plan")
		for _, step := range p {
			for _, f := range step.Files {
				path := filepath.ToSlash(filepath.Join(filepath.Dir(name), f))
				if done[path] {
					continue
				}
				done[path] = true
				if !slices.Contains(l.files, path) {
					l.report.warn("%s: the file %s it names is missing", name, f)
					continue
				}
				if err := l.tree(path, step.SObject, refs); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range l.with(".json") {
		if !done[name] && !strings.HasSuffix(name, "-plan.json") && filepath.Base(name) != "mapping.json" {
			if err := l.tree(name, "", refs); err != nil {
				return err
			}
		}
	}
	return nil
}

// tree loads one file. References to records of this or earlier files are written @ReferenceId.
func (l *loader) tree(name, object string, refs map[string]string) error {
	raw, err := l.read(name)
	if err != nil {
		return err
	}
	var t treeFile
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&t); err != nil || len(t.Records) == 0 {
		return nil // some other JSON
	}
	if attrs, _ := t.Records[0]["attributes"].(map[string]any); attrs == nil && object == "" {
		return nil
	}
	l.took(name, "tree")
	for i, rec := range t.Records {
		l.treeRecord(fmt.Sprintf("%s record %d", name, i+1), object, rec, nil, refs, 1)
	}
	return nil
}

func (l *loader) treeRecord(where, object string, rec, parent org.Fields, refs map[string]string, depth int) {
	attrs, _ := rec["attributes"].(map[string]any)
	if s, _ := attrs["type"].(string); s != "" {
		object = s
	}
	if l.tx.Canonical(object) == "" || depth > 10 {
		l.report.warn("%s: there is no object %q", where, object)
		return
	}
	in, children := org.Fields{}, map[string][]any{}
	for k, v := range rec {
		if m, ok := v.(map[string]any); ok && k != "attributes" {
			if list, ok := m["records"].([]any); ok {
				children[k] = list
				continue
			}
		}
		if s, ok := v.(string); ok && strings.HasPrefix(s, "@") && l.isReference(object, k) {
			id, known := refs[s[1:]]
			if !known {
				l.report.warn("%s: %s refers to %s, which no record has", where, k, s)
				continue
			}
			v = id
		}
		if k != "attributes" && l.tx.FieldDef(object, k) == nil && l.tx.ObjectDef(object).Relation(k) == nil {
			l.report.warn("%s: %s has no field %s; its value is left out", where, object, k)
			continue
		}
		in[k] = v
	}
	for k, v := range parent {
		in[k] = v
	}
	id := l.insert(where, object, in)
	if ref, _ := attrs["referenceId"].(string); ref != "" && id != "" {
		refs[ref] = id
	}
	for _, rel := range sortedKeys(children) {
		child, link := l.tx.ChildRelation(object, rel)
		for i, c := range children[rel] {
			if m, ok := c.(map[string]any); ok && id != "" {
				l.treeRecord(fmt.Sprintf("%s, %s %d", where, rel, i+1), child, m, org.Fields{link: id}, refs, depth+1)
			}
		}
	}
}

func (l *loader) isReference(object, field string) bool {
	f := l.tx.FieldDef(object, field)
	return f != nil && f.Type == "reference"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
