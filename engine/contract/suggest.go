package contract

import (
	"slices"
	"strings"
)

// didYouMean is a sentence that names the nearest of the known words, or "" when none is near.
func didYouMean(given string, known []string) string {
	if best := nearest(given, known); best != "" {
		return say("Did you mean %q? ", best)
	}
	return ""
}

func nearest(given string, known []string) string {
	best, bestDistance := "", 1+len(given)/3
	if bestDistance > 4 {
		bestDistance = 4
	}
	sorted := slices.Clone(known)
	slices.Sort(sorted)
	for _, k := range sorted {
		if k == given {
			continue
		}
		if strings.EqualFold(k, given) {
			return k
		}
		if d := distance(strings.ToLower(given), strings.ToLower(k), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts insertions, deletions, changes and swaps of neighbours, up to limit.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range y {
			change := last[j]
			if x[i] != y[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return min(row[len(y)], limit)
}

// list joins words as a sentence does: "a, b or c".
func list(words []string, last string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
	}
}

// quoted quotes each word.
func quoted(words []string) []string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = say("%q", w)
	}
	return q
}

// few keeps a list short enough to read.
func few(words []string) []string {
	if len(words) <= 8 {
		return words
	}
	return append(slices.Clone(words[:7]), say("%d more", len(words)-7))
}
