package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"accord/engine/contract"
)

// MaxSize is the most that a secret may have, in bytes: far above any key, far below a file named by mistake.
const MaxSize = 64 << 10

// Resolve finds one secret. Of a file, one newline at the end is left out: editors add it, and no key has one. A secret
// that is absent or empty is an error, because an empty token would only fail later, and less clearly.
func Resolve(ctx context.Context, s contract.Secret) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("resolve %s: %w", s, err)
	}
	var value string
	var err error
	switch s.Scheme {
	case "env":
		value, err = fromEnvironment(s.Name)
	case "file":
		value, err = fromFile(s.Name)
	default:
		err = fmt.Errorf("there is no scheme %q: use env or file", s.Scheme)
	}
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", s, err)
	}
	return value, nil
}

// ResolveSetting is a setting's text, whether it is written out or behind a reference. A setting that was not given is
// empty.
func ResolveSetting(ctx context.Context, s contract.Setting) (string, error) {
	if s.Secret == nil {
		return s.Text, nil
	}
	return Resolve(ctx, *s.Secret)
}

// ResolveAll is ResolveSetting for all settings of a connection, with every one that can't be resolved in one error.
func ResolveAll(ctx context.Context, settings map[string]contract.Setting) (map[string]string, error) {
	resolved := make(map[string]string, len(settings))
	var missing []error
	for name, s := range settings {
		v, err := ResolveSetting(ctx, s)
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", name, err))
			continue
		}
		resolved[name] = v
	}
	return resolved, errors.Join(sorted(missing)...)
}

func fromEnvironment(name string) (string, error) {
	value, set := os.LookupEnv(name)
	switch {
	case !set:
		return "", fmt.Errorf("the environment variable %s is not set: set it where accord runs", name)
	case strings.TrimSpace(value) == "":
		return "", fmt.Errorf("the environment variable %s is empty", name)
	case len(value) > MaxSize:
		return "", fmt.Errorf("the environment variable %s has %d bytes, more than %d", name, len(value), MaxSize)
	}
	return value, nil
}

func fromFile(path string) (string, error) {
	// Looked at before it is opened: opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("look for the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open the file: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	if len(content) > MaxSize {
		return "", fmt.Errorf("%s has more than %d bytes: it can hardly be a secret", path, MaxSize)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if strings.TrimSpace(value) == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}

// sorted orders errors by their text, so that the same mistakes make the same message.
func sorted(errs []error) []error {
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}
