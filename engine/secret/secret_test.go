package secret

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"accord/engine/contract"
)

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("ACCORD_TEST_TOKEN", "sekret")
	t.Setenv("ACCORD_TEST_EMPTY", " ")
	t.Setenv("ACCORD_TEST_LARGE", strings.Repeat("sekret", MaxSize))
	pem := "-----BEGIN-----\nsekret\n-----END-----"
	for _, c := range []struct {
		name, scheme, at, want, says string
	}{
		{"environment", "env", "ACCORD_TEST_TOKEN", "sekret", ""},
		{"absent variable", "env", "ACCORD_TEST_ABSENT", "", "is not set"},
		{"empty variable", "env", "ACCORD_TEST_EMPTY", "", "is empty"},
		{"large variable", "env", "ACCORD_TEST_LARGE", "", "more than"},
		{"file", "file", write("a", pem+"\n"), pem, ""},
		{"carriage return", "file", write("b", "sekret\r\n"), "sekret", ""},
		{"two newlines", "file", write("c", "sekret\n\n"), "sekret\n", ""},
		{"no newline", "file", write("d", "sekret"), "sekret", ""},
		{"empty file", "file", write("e", "\n"), "", "is empty"},
		{"large file", "file", write("f", strings.Repeat("sekret", MaxSize)), "", "more than"},
		{"largest file", "file", write("g", strings.Repeat("x", MaxSize)), strings.Repeat("x", MaxSize), ""},
		{"absent file", "file", filepath.Join(dir, "none"), "", "no such file"},
		{"folder", "file", dir, "", "no regular file"},
		{"device", "file", os.DevNull, "", "no regular file"},
		{"NUL in the path", "file", "a\x00b", "", "look for the file"},
		{"other scheme", "vault", "x", "", "no scheme"},
	} {
		got, err := Resolve(context.Background(), contract.Secret{Scheme: c.scheme, Name: c.at})
		switch {
		case c.says == "" && (err != nil || got != c.want):
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		case c.says != "" && (err == nil || got != "" || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "sekret")):
			t.Errorf("%s: %q, %v; want an error with %q", c.name, got, err, c.says)
		}
	}
}

func TestResolveAll(t *testing.T) {
	t.Setenv("ACCORD_TEST_TOKEN", "sekret")
	settings := map[string]contract.Setting{
		"url":   {Text: "https://example.com"},
		"token": {Secret: &contract.Secret{Scheme: "env", Name: "ACCORD_TEST_TOKEN"}},
	}
	got, err := ResolveAll(context.Background(), settings)
	if diff := cmp.Diff(map[string]string{"url": "https://example.com", "token": "sekret"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	settings["a"] = contract.Setting{Secret: &contract.Secret{Scheme: "env", Name: "ACCORD_TEST_ABSENT"}}
	settings["b"] = contract.Setting{Secret: &contract.Secret{Scheme: "file", Name: "/nowhere/at/all"}}
	_, err = ResolveAll(context.Background(), settings)
	if err == nil || !strings.Contains(err.Error(), "ACCORD_TEST_ABSENT") || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("the error does not name all that is missing: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Resolve(ended, contract.Secret{Scheme: "env", Name: "ACCORD_TEST_TOKEN"}); err == nil {
		t.Error("a context that has ended is ignored")
	}
}
