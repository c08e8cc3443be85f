package contract

import (
	"testing"

	"pgregory.net/rapid"
)

func TestConstraints(t *testing.T) {
	for _, c := range []struct {
		constraint, version string
		want                bool
	}{
		{">= 0.1.0", "0.1.0", true},
		{">= 0.1.0", "0.0.9", false},
		{">= 0.1.0, < 0.3", "0.2.9", true},
		{">= 0.1.0, < 0.3", "0.3.0", false},
		{"~> 0.1", "0.9.0", true},
		{"~> 0.1", "1.0.0", false},
		{"~> 0.1.2", "0.1.9", true},
		{"~> 0.1.2", "0.2.0", false},
		{"~> 0.1.2", "0.1.1", false},
		{"~> 1", "1.9.9", true},
		{"~> 1", "2.0.0", false},
		{"1.2", "1.2.0", true},
		{"= 1.2", "1.2.1", false},
		{"!= 1.2.3", "1.2.4", true},
		{"> 1.2.3", "1.2.3", false},
		{"<= 1.2.3", "1.2.3", true},
		{">= 1.0.0", "1.0.0-rc1", false},
		{">= 1.0.0-rc1", "1.0.0-rc2", true},
		{">= v1.0", "v1.0.0+build.5", true},
	} {
		p, err := parseConstraint(c.constraint)
		if err != nil {
			t.Errorf("%s: %v", c.constraint, err)
			continue
		}
		v, err := parseVersion(c.version)
		if err != nil || p.allows(v) != c.want {
			t.Errorf("%s allows %s: %v, %v", c.constraint, c.version, p.allows(v), err)
		}
	}
	for _, s := range []string{"", "latest", ">=", "1.2.3.4", "1..2", "-1", ">= 1,", "~> x", "=> 1"} {
		if _, err := parseConstraint(s); err == nil {
			t.Errorf("%q passes for a constraint", s)
		}
	}
}

func TestVersionsAreOrdered(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) version {
		n := rapid.IntRange(0, 3)
		return version{[3]int{n.Draw(t, "major"), n.Draw(t, "minor"), n.Draw(t, "patch")}, rapid.SampledFrom([]string{"", "rc1", "rc2"}).Draw(t, "pre")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := draw.Draw(t, "a"), draw.Draw(t, "b"), draw.Draw(t, "c")
		if a.compare(b) != -b.compare(a) || (a.compare(b) == 0) != (a == b) {
			t.Fatalf("%v and %v: %d and %d", a, b, a.compare(b), b.compare(a))
		}
		if a.compare(b) <= 0 && b.compare(c) <= 0 && a.compare(c) > 0 {
			t.Fatalf("%v, %v and %v have no order", a, b, c)
		}
	})
}

func TestSuggestions(t *testing.T) {
	for given, want := range map[string]string{
		"dael": "deal", "DEAL": "deal", "deals": "deal", "x": "", "": "", "salseforce": "salesforce", "completely": "", "deal": "",
	} {
		if got := nearest(given, []string{"deal", "salesforce", "monday"}); got != want {
			t.Errorf("nearest to %q is %q, want %q", given, got, want)
		}
	}
}
