package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/term"

	"accord/engine/contract"
	"accord/engine/ledger"
	"accord/engine/provider"
	"accord/engine/secret"
)

// workspace is the folder that a command works in, and the flags that all commands share.
type workspace struct {
	dir       string
	ledgerURL string
	logLevel  string
	noColor   bool
	vars      []string // --var name=value
	varFiles  []string // --var-file
}

const (
	contractSuffix = ".accord.hcl"
	varsSuffix     = ".accordvars.hcl"
	maxFile        = 16 << 20 // a contract is text that people review
)

// logger writes to standard error, at the level asked for.
func (w *workspace) logger(stderr io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "accord", Level: hclog.LevelFromString(w.logLevel), Output: stderr})
}

// source reads the contract's files and the values of its variables.
func (w *workspace) source() (contract.Source, error) {
	src := contract.Source{Variables: map[string]string{}}
	names, err := w.files(contractSuffix)
	if err != nil {
		return src, err
	}
	if len(names) == 0 {
		return src, fmt.Errorf("no contract in %s: expected at least one file that ends in %s", w.dir, contractSuffix)
	}
	for _, name := range names {
		content, err := readLimited(filepath.Join(w.dir, name))
		if err != nil {
			return src, err
		}
		src.Files = append(src.Files, contract.File{Name: name, Content: content})
	}
	return src, w.variables(src.Variables)
}

// files lists the folder's files with a suffix, by name.
func (w *workspace) files(suffix string) ([]string, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, fmt.Errorf("read the contract's folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// variables collects values for variables, the later winning: ACCORD_VAR_name, *.accordvars.hcl in the folder by name,
// --var-file, --var.
func (w *workspace) variables(into map[string]string) error {
	for _, kv := range os.Environ() {
		if name, ok := strings.CutPrefix(kv, "ACCORD_VAR_"); ok {
			k, v, _ := strings.Cut(name, "=")
			into[k] = v
		}
	}
	names, err := w.files(varsSuffix)
	if err != nil {
		return err
	}
	for i, n := range names {
		names[i] = filepath.Join(w.dir, n)
	}
	for _, path := range append(names, w.varFiles...) {
		if err := readVariables(path, into); err != nil {
			return err
		}
	}
	for _, kv := range w.vars {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return exit{exitUsage, fmt.Errorf("--var %s: write --var name=value", kv)}
		}
		into[k] = v
	}
	return nil
}

func readVariables(path string, into map[string]string) error {
	content, err := readLimited(path)
	if err != nil {
		return err
	}
	file, diags := hclsyntax.ParseConfig(content, path, hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	attributes, diags := file.Body.JustAttributes()
	if diags.HasErrors() {
		return diags
	}
	for name, a := range attributes {
		into[name] = string(a.Expr.Range().SliceBytes(content))
	}
	return nil
}

func readLimited(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read %s: it has %d bytes, and a contract file at most %d", path, info.Size(), maxFile)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content, nil
}

// contract reads and checks the folder's contract. Diagnostics are printed; errors among them end the command.
func (w *workspace) contract(stderr io.Writer) (*contract.Contract, error) {
	src, err := w.source()
	if err != nil {
		return nil, err
	}
	c, diags := contract.Parse(src)
	if c != nil && !diags.HasErrors() {
		diags = append(diags, checkLenses(c)...)
	}
	if len(diags) > 0 {
		if err := contract.WriteDiagnostics(stderr, src, diags, w.width(stderr), w.color(stderr)); err != nil {
			return nil, err
		}
	}
	if diags.HasErrors() {
		return nil, exit{code: exitError}
	}
	return c, nil
}

func (w *workspace) color(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && !w.noColor && term.IsTerminal(int(f.Fd()))
}

func (w *workspace) width(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 100
}

// pointer remembers beside the contract where its ledger is, so that sync finds it without reading the contract.
type pointer struct {
	URL    string           `json:"url,omitempty"`
	Secret *contract.Secret `json:"secret,omitempty"`
}

func (w *workspace) pointerFile() string { return filepath.Join(w.dir, ".accord", "ledger.json") }

// ledgerOf opens the ledger that a contract names, and remembers it.
func (w *workspace) ledgerOf(ctx context.Context, c *contract.Contract, logger hclog.Logger) (*ledger.Ledger, error) {
	p := pointer{URL: "sqlite:" + filepath.ToSlash(c.Ledger.Path)}
	if c.Ledger.Engine == "postgres" {
		p = pointer{URL: c.Ledger.URL.Text, Secret: c.Ledger.URL.Secret}
	}
	if w.ledgerURL == "" {
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("remember where the ledger is: %w", err)
		}
		if err := os.MkdirAll(filepath.Dir(w.pointerFile()), 0o700); err != nil {
			return nil, fmt.Errorf("remember where the ledger is: %w", err)
		}
		if err := os.WriteFile(w.pointerFile(), append(text, '\n'), 0o600); err != nil {
			return nil, fmt.Errorf("remember where the ledger is: %w", err)
		}
	}
	return w.open(ctx, p, logger)
}

// ledgerInUse opens the ledger that plan or apply used last in this folder.
func (w *workspace) ledgerInUse(ctx context.Context, logger hclog.Logger) (*ledger.Ledger, error) {
	if w.ledgerURL != "" {
		return w.open(ctx, pointer{}, logger)
	}
	text, err := os.ReadFile(w.pointerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no ledger is known in %s: run `accord apply` here first, or name one with --ledger", w.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("find the ledger: %w", err)
	}
	var p pointer
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("find the ledger: %s: %w", w.pointerFile(), err)
	}
	return w.open(ctx, p, logger)
}

func (w *workspace) open(ctx context.Context, p pointer, logger hclog.Logger) (*ledger.Ledger, error) {
	url := p.URL
	switch {
	case w.ledgerURL != "":
		url = w.ledgerURL
		if !strings.Contains(url, "://") && !strings.HasPrefix(url, "sqlite:") {
			url = "sqlite:" + url
		}
	case p.Secret != nil:
		var err error
		if url, err = secret.Resolve(ctx, *p.Secret); err != nil {
			return nil, err
		}
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		if !filepath.IsAbs(path) && w.ledgerURL == "" {
			path = filepath.Join(w.dir, path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the ledger's folder: %w", err)
		}
		url = "sqlite:" + path
	}
	return ledger.Open(ctx, ledger.Config{URL: url, Clock: time.Now, Logger: logger.Named("ledger")})
}

// hold makes this process the only one that syncs, or applies, with a ledger. One that is ending gets a moment.
func hold(ctx context.Context, l *ledger.Ledger, purpose string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	release, err = l.Exclusive(ctx, purpose)
	if errors.Is(err, ledger.ErrHeld) {
		return nil, exit{exitLocked, fmt.Errorf("another accord %s works with this ledger: wait until it ends, or stop it", purpose)}
	}
	return release, err
}

// inForce decodes the contract in force; nil when nothing was applied yet.
func inForce(ctx context.Context, l *ledger.Ledger) (*contract.Contract, error) {
	applied, err := l.InForce(ctx)
	if err != nil || applied == nil {
		return nil, err
	}
	return decode(applied.Source)
}

// decode reads a contract as the ledger keeps it.
func decode(source []byte) (*contract.Contract, error) {
	var src contract.Source
	if err := json.Unmarshal(source, &src); err != nil {
		return nil, fmt.Errorf("read the stored contract: %w", err)
	}
	c, diags := contract.Parse(src)
	if diags.HasErrors() {
		return nil, fmt.Errorf("the stored contract no longer checks, apply it anew: %w", diags)
	}
	return c, nil
}

// codeOf is the exit code that an error stands for.
func codeOf(err error) int {
	switch provider.KindOf(err) {
	case provider.Unauthorized, provider.Denied, provider.Exhausted:
		return exitAccess
	default:
		return exitError
	}
}
