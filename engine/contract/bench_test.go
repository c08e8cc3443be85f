package contract

import (
	"strings"
	"testing"
)

// manyObjects is a contract of n objects with eight fields each.
func manyObjects(n int) Source {
	object := base[strings.Index(base, `object "deal"`):strings.Index(base, `trigger "kickoff"`)]
	var src Source
	src.Files = append(src.Files, File{Name: "base.accord.hcl", Content: []byte(base)})
	var b strings.Builder
	for i := range n {
		if i%200 == 0 && i > 0 {
			src.Files = append(src.Files, File{Name: say("%d.accord.hcl", i), Content: []byte(b.String())})
			b.Reset()
		}
		of := strings.Replace(object, `object "deal"`, say("object %q", say("deal%d", i)), 1)
		b.WriteString(strings.Replace(of, `"Deals"`, say("%q", say("Deals %d", i)), 1)) // on one board they would undo each other's work
	}
	src.Files = append(src.Files, File{Name: "rest.accord.hcl", Content: []byte(b.String())})
	return src
}

func BenchmarkParse1000Objects(b *testing.B) {
	src := manyObjects(1000)
	for b.Loop() {
		if _, diags := Parse(src); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	c, diags := Parse(one(base))
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	scope := won(b)
	for b.Loop() {
		if _, err := c.Triggers[0].When.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}
