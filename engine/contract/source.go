package contract

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of what is parsed. They are far above any contract a person would write, and low enough that no input can
// exhaust the stack: HCL's parser and evaluator recurse.
const (
	maxFileSize  = 1 << 20 // bytes
	maxTotalSize = 8 << 20 // bytes
	maxNesting   = 64      // brackets, templates and blocks inside each other
	maxOperators = 500     // operators within one attribute
	maxExponent  = 400     // of a number literal
)

var start = hcl.Pos{Line: 1, Column: 1}

// Parsed gives the syntax of each file by name, for printers that show snippets (hcl.NewDiagnosticTextWriter, say).
// A file beyond the bounds of this package is there with its bytes only.
func (s Source) Parsed() map[string]*hcl.File {
	files := make(map[string]*hcl.File, len(s.Files))
	for _, f := range s.Files {
		parsed, _ := parseFile(f)
		if parsed == nil {
			parsed = &hcl.File{Bytes: f.Content, Body: hcl.EmptyBody()}
		}
		files[f.Name] = parsed
	}
	return files
}

// sorted is the files by name.
func (s Source) sorted() []File {
	files := slices.Clone(s.Files)
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

// parseFile reads one file's syntax; nil when it must not be parsed at all.
func parseFile(f File) (file *hcl.File, diags hcl.Diagnostics) {
	if len(f.Content) > maxFileSize {
		at := hcl.Range{Filename: f.Name, Start: start, End: start}
		return nil, hcl.Diagnostics{NewDiagnostic(codeTooLarge, at,
			say("the file is %d bytes long", len(f.Content)),
			say("A contract file may have %d bytes. Split it: all *.accord.hcl files of a folder are one contract.", maxFileSize))}
	}
	if bytes.HasPrefix(f.Content, []byte("\xef\xbb\xbf")) {
		f.Content = f.Content[3:] // a byte order mark says nothing in UTF-8
	}
	if d := bounded(f); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	defer func() {
		// The parser asserts its own discipline with panics; a contract must never end the process.
		if r := recover(); r != nil {
			at := hcl.Range{Filename: f.Name, Start: start, End: start}
			file, diags = nil, hcl.Diagnostics{NewDiagnostic(codeSyntax, at, "the file can't be parsed",
				say("The HCL parser gave up (%v). Check for unbalanced quotes and brackets.", r))}
		}
	}()
	file, found := hclsyntax.ParseConfig(f.Content, f.Name, start)
	for _, d := range found {
		code := codeSyntax
		if d.Summary == "Attribute redefined" {
			code = codeDuplicate
		}
		d.Extra = coded{code: code, inner: d.Extra}
		diags = append(diags, d)
	}
	return file, diags
}

// level is what is open at one depth of brackets while a file is scanned.
type level struct {
	open      hclsyntax.TokenType
	operators int
}

// bounded checks, on tokens alone, that the file is shallow enough to parse and evaluate by recursion.
func bounded(f File) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(f.Content, f.Name, start)
	levels := []level{{}}
	for _, t := range tokens {
		top := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			top.operators++
			if len(levels) > maxNesting {
				return NewDiagnostic(codeTooDeep, t.Range, say("more than %d brackets inside each other", maxNesting),
					"Close some of them, or say it flatter.")
			}
			levels = append(levels, level{open: t.Type})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
			hclsyntax.TokenTemplateSeqEnd:
			if len(levels) > 1 {
				levels = levels[:len(levels)-1]
			}
		case hclsyntax.TokenNewline:
			if top.open == hclsyntax.TokenOBrace || len(levels) == 1 {
				top.operators = 0
			}
		case hclsyntax.TokenComma:
			top.operators = 0
		case hclsyntax.TokenNumberLit:
			if d := boundedNumber(t); d != nil {
				return d
			}
		case hclsyntax.TokenComment: // a comment to the end of its line swallows the newline
			if bytes.HasSuffix(t.Bytes, []byte("\n")) && (top.open == hclsyntax.TokenOBrace || len(levels) == 1) {
				top.operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenEqual, hclsyntax.TokenEOF:
		default:
			top.operators++
		}
		if top.operators > maxOperators {
			return NewDiagnostic(codeTooDeep, t.Range, say("more than %d operators in one expression", maxOperators),
				"Split the expression.")
		}
	}
	return nil
}

// boundedNumber refuses exponents that would take gigabytes to write out.
func boundedNumber(t hclsyntax.Token) *hcl.Diagnostic {
	i := bytes.IndexAny(t.Bytes, "eE")
	exponent := 0
	if i >= 0 {
		n, err := strconv.Atoi(string(bytes.TrimPrefix(t.Bytes[i+1:], []byte("+"))))
		if err != nil {
			n = maxExponent + 1
		}
		exponent = max(n, -n)
	}
	if exponent > maxExponent || len(t.Bytes) > maxExponent {
		return NewDiagnostic(codeTooDeep, t.Range, "a number out of range",
			say("Numbers may have %d digits before and after the point.", maxExponent))
	}
	return nil
}
