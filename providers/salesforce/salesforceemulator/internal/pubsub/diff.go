package pubsub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// diffFrom is the length in characters from which long text may be sent as a difference.
	diffFrom = 1000
	// diffWindow bounds the lines compared one by one between the first and the last change; a larger stretch is
	// replaced as a whole.
	diffWindow = 1500
)

// hunk replaces lines [from, from+len(removed)) of the old text by added lines.
type hunk struct {
	oldStart, newStart int
	removed, added     []string
}

// textDiff writes the difference of two texts as diffFields announce it: a unified diff without context whose "+++" line
// carries the SHA-256 of the new text. ok is false where the vendor would send the text itself: below 1,000 characters,
// more than half of the length or a quarter of the lines changed, or a difference no shorter than the text.
// From "Large Text Fields" in "Sending Data Differences for Fields of Large Text" of the Change Data Capture guide.
func textDiff(before, after string) (diff string, ok bool) {
	length := utf8.RuneCountInString(after)
	if length < diffFrom || before == "" || before == after {
		return "", false
	}
	hunks := diffLines(strings.Split(before, "\n"), strings.Split(after, "\n"))
	lines, characters := 0, 0
	for _, h := range hunks {
		lines += max(len(h.removed), len(h.added))
		characters += max(runes(h.removed), runes(h.added))
	}
	total := strings.Count(after, "\n") + 1
	if lines*4 > total || characters*2 > length {
		return "", false
	}
	sum := sha256.Sum256([]byte(after))
	var b strings.Builder
	b.WriteString("--- \n+++ " + hex.EncodeToString(sum[:]))
	for _, h := range hunks {
		fmt.Fprintf(&b, "\n@@ -%s +%s @@", span(h.oldStart, len(h.removed)), span(h.newStart, len(h.added)))
		for _, line := range h.removed {
			b.WriteString("\n-" + line)
		}
		for _, line := range h.added {
			b.WriteString("\n+" + line)
		}
	}
	if b.Len() >= len(after) {
		return "", false
	}
	return b.String(), true
}

// span writes "start,count" with lines counted from one; an empty span names the line before it.
func span(start, count int) string {
	if count == 0 {
		return fmt.Sprintf("%d,0", start)
	}
	return fmt.Sprintf("%d,%d", start+1, count)
}

func runes(lines []string) int {
	n := 0
	for _, line := range lines {
		n += utf8.RuneCountInString(line) + 1
	}
	return n
}

// diffLines compares two texts line by line and gives the changed stretches in order.
func diffLines(before, after []string) []hunk {
	start := 0
	for start < len(before) && start < len(after) && before[start] == after[start] {
		start++
	}
	endOld, endNew := len(before), len(after)
	for endOld > start && endNew > start && before[endOld-1] == after[endNew-1] {
		endOld--
		endNew--
	}
	if endOld == start && endNew == start {
		return nil
	}
	old, renewed := before[start:endOld], after[start:endNew]
	if len(old) > diffWindow || len(renewed) > diffWindow {
		return []hunk{{start, start, old, renewed}}
	}
	return walk(old, renewed, common(old, renewed), start)
}

// common fills the table of longest common subsequences: common[i][j] is the length for old[i:], renewed[j:].
func common(old, renewed []string) [][]int16 {
	table := make([][]int16, len(old)+1)
	for i := range table {
		table[i] = make([]int16, len(renewed)+1)
	}
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(renewed) - 1; j >= 0; j-- {
			if old[i] == renewed[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}

// walk follows the table and collects the stretches that differ.
func walk(old, renewed []string, table [][]int16, offset int) []hunk {
	var hunks []hunk
	i, j := 0, 0
	for i < len(old) || j < len(renewed) {
		if i < len(old) && j < len(renewed) && old[i] == renewed[j] {
			i++
			j++
			continue
		}
		h := hunk{oldStart: offset + i, newStart: offset + j}
		for i < len(old) || j < len(renewed) {
			if i < len(old) && j < len(renewed) && old[i] == renewed[j] {
				break
			}
			if j == len(renewed) || i < len(old) && table[i+1][j] >= table[i][j+1] {
				h.removed = append(h.removed, old[i])
				i++
			} else {
				h.added = append(h.added, renewed[j])
				j++
			}
		}
		hunks = append(hunks, h)
	}
	return hunks
}
