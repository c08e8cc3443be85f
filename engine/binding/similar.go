package binding

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Profile is what a record without a partner may be recognised by.
type Profile struct {
	ID string
	// Match are the texts of the object's match fields, in their order, and Keys what they are matched by; "" where the
	// record holds nothing.
	Match, Keys []string
	// Other is what the record holds in other fields, by contract field, in the form in which values are compared.
	Other map[string]string
}

// Resemblance says how much two records look like the same thing.
type Resemblance struct {
	Left, Right int      // places in the lists that were compared
	Score       int      // 0 to 100; 100 = everything that both hold is the same
	Agrees      []string // contract fields, other than match fields, in which both hold the same, by name
}

const (
	minScore      = 50 // of what is worth a look
	maxAlike      = 5  // resemblances of one record
	maxCompared   = 40 // records that are compared with one, those first that share the most
	matchWeight   = 0.8
	commonGrams   = 500 // a piece of text that more records share says nothing of any of them
	commonPercent = 5
)

// Resemblances finds, for each left record, the right ones that it looks like, the best first: by how alike the texts of
// the match fields are, and by which other fields agree. Matched texts that are the same in every field always count.
func Resemblances(left, right []Profile) []Resemblance {
	index := newGramIndex(right)
	var all []Resemblance
	for l := range left {
		var list []Resemblance
		for _, r := range index.near(left[l]) {
			if found := resemble(left[l], right[r]); found.Score >= minScore {
				found.Left, found.Right = l, r
				list = append(list, found)
			}
		}
		slices.SortStableFunc(list, func(a, b Resemblance) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(right[a.Right].ID, right[b.Right].ID))
		})
		all = append(all, list[:min(len(list), maxAlike)]...)
	}
	return all
}

func resemble(l, r Profile) Resemblance {
	var alike, compared float64
	for i := range min(len(l.Match), len(r.Match)) {
		switch {
		case l.Keys[i] == "" && r.Keys[i] == "":
			continue
		case l.Keys[i] == r.Keys[i]:
			alike++
		default:
			alike += Similarity(l.Match[i], r.Match[i])
		}
		compared++
	}
	if compared == 0 {
		return Resemblance{}
	}
	score := alike / compared
	var found Resemblance
	others := 0
	for name, v := range l.Other {
		w := r.Other[name]
		if v == "" || w == "" {
			continue
		}
		others++
		if v == w {
			found.Agrees = append(found.Agrees, name)
		}
	}
	slices.Sort(found.Agrees)
	if others > 0 {
		score = matchWeight*score + (1-matchWeight)*float64(len(found.Agrees))/float64(others)
	}
	found.Score = int(math.Round(100 * score))
	return found
}

// Similarity is how alike two texts are, from 0 to 1: the share of three-letter pieces of their words that they have in
// common (the coefficient of Sørensen and Dice). Case, punctuation and the order of words don't count.
func Similarity(a, b string) float64 {
	x, y := grams(a), grams(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	common := 0
	for g := range x {
		if y[g] {
			common++
		}
	}
	return 2 * float64(common) / float64(len(x)+len(y))
}

// grams are the three-letter pieces of a text's words, each word set off by spaces.
func grams(text string) map[string]bool {
	set := map[string]bool{}
	words := strings.FieldsFunc(strings.ToLower(clipped(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	for _, w := range words {
		letters := []rune(" " + w + " ")
		for i := range len(letters) - 2 {
			set[string(letters[i:i+3])] = true
		}
	}
	return set
}

// clipped keeps what records are recognised by: nobody recognises one by the end of a long text.
func clipped(text string) string {
	const most = 500
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}

// gramIndex finds the profiles that share pieces of text.
type gramIndex struct {
	by    map[string][]int
	keys  map[string][]int // by all keys together, so that what is the same is always near
	limit int
}

func newGramIndex(list []Profile) *gramIndex {
	x := &gramIndex{by: map[string][]int{}, keys: map[string][]int{}, limit: max(commonGrams, len(list)*commonPercent/100)}
	for i, p := range list {
		if k := strings.Join(p.Keys, "\x1e"); strings.Trim(k, "\x1e") != "" {
			x.keys[k] = append(x.keys[k], i)
		}
		for g := range grams(strings.Join(p.Match, " ")) {
			x.by[g] = append(x.by[g], i)
		}
	}
	return x
}

// near lists what shares the most with a profile, the most first.
func (x *gramIndex) near(p Profile) []int {
	shared := map[int]int{}
	for g := range grams(strings.Join(p.Match, " ")) {
		if list := x.by[g]; len(list) <= x.limit {
			for _, i := range list {
				shared[i]++
			}
		}
	}
	same := x.keys[strings.Join(p.Keys, "\x1e")]
	for _, i := range same[:min(len(same), maxCompared)] {
		shared[i] = math.MaxInt
	}
	list := make([]int, 0, len(shared))
	for i := range shared {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(a, b)) })
	return list[:min(len(list), maxCompared)]
}
