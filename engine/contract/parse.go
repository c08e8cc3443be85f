package contract

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Option changes what Parse checks.
type Option func(*options)

type options struct {
	now     func() time.Time
	version string
}

// WithClock has permissions checked against the day it is: without it, none has expired. A contract that is in force
// is read without, because it must not fall out of force by itself.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithVersion has required_version checked against the version that is running ("0.3.1"). Without it only its form is.
func WithVersion(version string) Option { return func(o *options) { o.version = version } }

// Parse reads the files of one folder as one contract and checks it. Every mistake is reported in one go, in the order
// of files and lines; each diagnostic has a code (CodeOf), a range and, in Detail, a remedy. The contract is nil when
// there is an error among them.
func Parse(src Source, opts ...Option) (*Contract, hcl.Diagnostics) {
	d := newDecoder(src)
	for _, o := range opts {
		o(&d.opts)
	}
	if d.read() {
		d.decode()
	}
	diags := sortDiagnostics(d.diags)
	if diags.HasErrors() {
		return nil, diags
	}
	return d.contract, diags
}

// decoder carries one Parse. Symbol tables hold what was declared even where it is broken, so that one mistake is one
// diagnostic and not one per reference.
type decoder struct {
	opts     options
	contract *Contract
	diags    hcl.Diagnostics
	bytes    map[string][]byte // file contents by name
	blocks   map[string][]*hclsyntax.Block
	ctx      *hcl.EvalContext // variables and functions of ordinary expressions
	callable []string         // the names of those functions, in order

	variables   map[string]*variable
	connections map[string]*Connection
	picklists   map[string]*Picklist
	objects     map[string]*object
	triggers    map[string]hcl.Range
	policies    map[string]hcl.Range
	used        map[*Picklist][]*Field
}

// object is an Object on its way: with what only checking needs.
type object struct {
	*Object
	fields []*field // in step with Object.Fields
	broken [2]bool  // the end could not be decoded
}

// field is a Field on its way.
type field struct {
	*Field
	given map[string]hcl.Range // attributes and blocks that the contract gave
	owned bool                 // the owner is known
	ended [2]bool              // the native fields of that side are known
}

func newDecoder(src Source) *decoder {
	return &decoder{
		contract:    &Contract{Source: src, Ledger: Ledger{Engine: "sqlite", Path: ".accord/ledger.db"}},
		bytes:       map[string][]byte{},
		blocks:      map[string][]*hclsyntax.Block{},
		variables:   map[string]*variable{},
		connections: map[string]*Connection{},
		picklists:   map[string]*Picklist{},
		objects:     map[string]*object{},
		triggers:    map[string]hcl.Range{},
		policies:    map[string]hcl.Range{},
		used:        map[*Picklist][]*Field{},
	}
}

func (d *decoder) fail(code string, at hcl.Range, summary, remedy string) {
	d.diags = append(d.diags, NewDiagnostic(code, at, summary, remedy))
}

func (d *decoder) warn(code string, at hcl.Range, summary, remedy string) {
	d.diags = append(d.diags, NewWarning(code, at, summary, remedy))
}

// topLevel is what may stand at the top of a file, with the names of its labels.
var topLevel = shape{blocks: []blockKind{
	{name: "accord", max: 1},
	{name: "variable", labels: []string{"name"}},
	{name: "connection", labels: []string{"system", "name"}},
	{name: "picklist", labels: []string{"name"}},
	{name: "object", labels: []string{"name"}},
	{name: "trigger", labels: []string{"name"}},
	{name: "policy", labels: []string{"name"}},
	{name: "moved"},
	{name: "removed"},
	{name: "allow", labels: []string{"name"}},
}}

// read parses all files and sorts their blocks by type. It says false when the syntax is too broken to go on: checks
// of half a contract would bury the one mistake that matters.
func (d *decoder) read() bool {
	files := d.contract.Source.sorted()
	if len(files) == 0 {
		d.fail(codeNoFiles, hcl.Range{Filename: "accord.hcl", Start: start, End: start}, "the contract has no files",
			"A contract is all files named *.accord.hcl in one folder. Write one with `accord init`.")
		return false
	}
	total := 0
	for _, f := range files {
		if total += len(f.Content); total > maxTotalSize {
			d.fail(codeTooLarge, hcl.Range{Filename: f.Name, Start: start, End: start}, "the contract's files are too large together",
				say("All files of a contract together may have %d bytes.", maxTotalSize))
			return false
		}
	}
	whole := true
	root := &hclsyntax.Body{}
	for _, f := range files {
		if _, twice := d.bytes[f.Name]; twice {
			d.fail(codeDuplicate, hcl.Range{Filename: f.Name, Start: start, End: start}, say("the file %q was given twice", f.Name),
				"Give each file once.")
			continue
		}
		d.bytes[f.Name] = f.Content
		parsed, diags := parseFile(f)
		d.diags = append(d.diags, diags...)
		for _, x := range diags {
			whole = whole && CodeOf(x) == codeDuplicate
		}
		if parsed == nil {
			whole = false
			continue
		}
		d.bytes[f.Name] = parsed.Bytes // without a byte order mark: ranges count from here
		body, ok := parsed.Body.(*hclsyntax.Body)
		if !ok {
			continue
		}
		root.Blocks = append(root.Blocks, body.Blocks...)
		if root.Attributes == nil {
			root.Attributes = hclsyntax.Attributes{}
		}
		for _, a := range body.Attributes {
			root.Attributes[say("%s\x00%s", f.Name, a.Name)] = a
		}
	}
	if !whole {
		return false
	}
	d.blocks = d.check(root, hcl.Range{}, "at the top of a file", topLevel).blocks
	return true
}

// decode goes from what others refer to towards what refers.
func (d *decoder) decode() {
	d.decodeVariables()
	d.decodeAccord()
	d.decodeConnections()
	d.decodePicklists()
	d.decodeObjects()
	d.decodeTriggers()
	d.decodePolicies()
	d.decodeChanges()
	d.checkPicklists()
	d.checkObjects()
	d.checkLoops()
}
