package contract

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// version is a semantic version without build metadata: three numbers, and a pre-release in text.
type version struct {
	numbers    [3]int
	prerelease string
}

// parseVersion reads "1", "1.2" or "1.2.3-rc1", with or without a "v" before it.
func parseVersion(s string) (version, error) {
	v, _, err := parseVersionParts(s)
	return v, err
}

func parseVersionParts(s string) (v version, given int, err error) {
	text := strings.TrimPrefix(strings.TrimSpace(s), "v")
	text, _, _ = strings.Cut(text, "+")
	core, pre, _ := strings.Cut(text, "-")
	v.prerelease = pre
	parts := strings.Split(core, ".")
	if len(parts) > 3 {
		return v, 0, fmt.Errorf("%q is no version", clip(s))
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, 0, fmt.Errorf("%q is no version", clip(s))
		}
		v.numbers[i] = n
	}
	return v, len(parts), nil
}

// compare orders versions; a pre-release comes before its release.
func (v version) compare(w version) int {
	for i := range v.numbers {
		if c := cmp.Compare(v.numbers[i], w.numbers[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.prerelease == w.prerelease:
		return 0
	case v.prerelease == "":
		return 1
	case w.prerelease == "":
		return -1
	default:
		return strings.Compare(v.prerelease, w.prerelease)
	}
}

// comparison is one part of a constraint.
type comparison struct {
	operator string
	version  version
	parts    int // how many numbers were written, for ~>
}

// constraint is comparisons that must all hold.
type constraint []comparison

func parseConstraint(s string) (constraint, error) {
	var c constraint
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		operator := "="
		for _, o := range []string{">=", "<=", "!=", "~>", ">", "<", "="} {
			if strings.HasPrefix(part, o) {
				operator, part = o, part[len(o):]
				break
			}
		}
		v, parts, err := parseVersionParts(part)
		if err != nil {
			return nil, err
		}
		c = append(c, comparison{operator, v, parts})
	}
	return c, nil
}

func (c constraint) allows(v version) bool {
	for _, p := range c {
		if !p.holds(v) {
			return false
		}
	}
	return true
}

func (p comparison) holds(v version) bool {
	c := v.compare(p.version)
	switch p.operator {
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case "!=":
		return c != 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	case "~>": // the last number written may grow, those before it may not
		for i := range max(p.parts-1, 1) {
			if v.numbers[i] != p.version.numbers[i] {
				return false
			}
		}
		return c >= 0
	default:
		return c == 0
	}
}
