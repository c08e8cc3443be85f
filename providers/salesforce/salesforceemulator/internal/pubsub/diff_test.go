package pubsub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// patch applies a difference as a subscriber does, and checks it against the hash it carries.
func patch(before, diff string) (string, error) {
	lines := strings.Split(diff, "\n")
	if len(lines) < 3 || lines[0] != "--- " || !strings.HasPrefix(lines[1], "+++ ") {
		return "", fmt.Errorf("no header in %.80q", diff)
	}
	old := strings.Split(before, "\n")
	var out []string
	at := 0
	for i := 2; i < len(lines); {
		var from, to string
		if _, err := fmt.Sscanf(lines[i], "@@ -%s +%s @@", &from, &to); err != nil {
			return "", fmt.Errorf("hunk %q: %w", lines[i], err)
		}
		start, removed, err := counts(from)
		if err != nil {
			return "", err
		}
		_, added, err := counts(to)
		if err != nil {
			return "", err
		}
		if removed > 0 {
			start--
		}
		out = append(out, old[at:start]...)
		i++
		for range removed {
			if lines[i] != "-"+old[start] {
				return "", fmt.Errorf("%q is not what is there: %q", lines[i], old[start])
			}
			start++
			i++
		}
		for range added {
			out = append(out, strings.TrimPrefix(lines[i], "+"))
			i++
		}
		at = start
	}
	text := strings.Join(append(out, old[at:]...), "\n")
	sum := sha256.Sum256([]byte(text))
	if want := strings.TrimPrefix(lines[1], "+++ "); hex.EncodeToString(sum[:]) != want {
		return "", fmt.Errorf("the hash of the result is not %s", want)
	}
	return text, nil
}

func counts(span string) (start, n int, err error) {
	first, second, _ := strings.Cut(span, ",")
	if start, err = strconv.Atoi(first); err == nil {
		n, err = strconv.Atoi(second)
	}
	return start, n, err
}

func paragraphs(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("paragraph %d: %s", i, strings.Repeat("word ", 20)))
	}
	return out
}

func TestTextDiffIsSentWhenItPays(t *testing.T) {
	lines := paragraphs(20)
	text := strings.Join(lines, "\n")
	changed := append([]string(nil), lines...)
	changed[3], changed[17] = "three", "seventeen"
	many := append([]string(nil), lines...)
	for i := range 6 {
		many[i] = fmt.Sprint(i)
	}
	tests := []struct {
		name          string
		before, after string
		want          bool
	}{
		{"two of twenty lines", text, strings.Join(changed, "\n"), true},
		{"lines added at the end", text, text + "\nlast", true},
		{"a line removed", text, strings.Join(append(append([]string(nil), lines[:5]...), lines[6:]...), "\n"), true},
		{"six of twenty lines", text, strings.Join(many, "\n"), false},
		{"one long line", strings.Repeat("a", 2000), strings.Repeat("a", 1999) + "b", false},
		{"below 1,000 characters", strings.Join(lines[:5], "\n"), strings.Join(lines[:5], "\n") + "\nx", false},
		{"from nothing", "", text, false},
		{"no change", text, text, false},
		{"a line that more than doubles the text", text + "\nx", text + "\n" + strings.Repeat("y", 3000), false},
		{"more than half of the characters", text + "\n" + strings.Repeat("x", 3000), text + "\n" + strings.Repeat("y", 3000), false},
	}
	for _, test := range tests {
		diff, ok := textDiff(test.before, test.after)
		if ok != test.want {
			t.Errorf("%s: sent as a difference: %v", test.name, ok)
			continue
		}
		if !ok {
			continue
		}
		if got, err := patch(test.before, diff); err != nil || got != test.after {
			t.Errorf("%s: %v\n%s", test.name, err, diff)
		}
		if len(diff) >= len(test.after) {
			t.Errorf("%s: the difference is longer than the text", test.name)
		}
	}
}

func TestTextDiffsApply(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "-a", "+b", "@@ -1,1 +1,1 @@", "שלום", "\U0001F600"})
	rapid.Check(t, func(t *rapid.T) {
		before := paragraphs(rapid.IntRange(10, 40).Draw(t, "lines"))
		after := append([]string(nil), before...)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(after)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "edit") {
			case 0:
				after[at] = word.Draw(t, "word")
			case 1:
				after = append(after[:at], after[at+1:]...)
			default:
				after = append(after[:at:at], append([]string{word.Draw(t, "word")}, after[at:]...)...)
			}
		}
		one, two := strings.Join(before, "\n"), strings.Join(after, "\n")
		diff, ok := textDiff(one, two)
		if !ok {
			return
		}
		if got, err := patch(one, diff); err != nil || got != two {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

func TestLongChangesAreReplacedAsAWhole(t *testing.T) {
	before := strings.Split(strings.Repeat("a\n", 3*diffWindow), "\n")
	after := strings.Split(strings.Repeat("b\n", 3*diffWindow), "\n")
	hunks := diffLines(before, after)
	if len(hunks) != 1 || len(hunks[0].removed) != 3*diffWindow {
		t.Errorf("%d hunks", len(hunks))
	}
}

func TestDiffEvent(t *testing.T) {
	before := strings.Join(paragraphs(20), "\n")
	after := strings.Replace(before, "paragraph 7", "Paragraph 7", 1)
	h := newHarness(t)
	got := h.one(2,
		update("Account", accountID(1), map[string]any{"Description": before}, map[string]any{"Description": after}),
		update("Account", accountID(2), map[string]any{"Description": before + "\nmore"}, map[string]any{"Description": after}))
	for _, event := range got[:1] {
		if diff := cmp.Diff([]string{"Description"}, event.names(t, "diffFields")); diff != "" {
			t.Error(diff)
		}
		if text, err := patch(before, event.Body["Description"].(string)); err != nil || text != after {
			t.Error(err)
		}
	}
	// The same new value from another old one is another difference, and so another event.
	if text, err := patch(before+"\nmore", got[1].Body["Description"].(string)); err != nil || text != after {
		t.Error(err)
	}
}
