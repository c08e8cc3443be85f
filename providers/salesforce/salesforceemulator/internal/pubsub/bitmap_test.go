package pubsub

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"pgregory.net/rapid"
)

// namesOf decodes bitmaps into field names, as a subscriber does from the vendor's rules: hex is big-endian,
// bit i counted from the lowest is the field at index i, "P-0x…" is about the record in the union at index P, and
// a compound all of whose parts are set counts as the compound.
func namesOf(root *avro.SchemaNode, bitmaps []string) ([]string, error) {
	var out []string
	for _, text := range bitmaps {
		fields, prefix := root.Fields, ""
		if parent, rest, nested := strings.Cut(text, "-"); nested {
			index, err := strconv.Atoi(parent)
			if err != nil || index >= len(root.Fields) {
				return nil, fmt.Errorf("bitmap %q: no parent", text)
			}
			text, prefix, fields = rest, root.Fields[index].Name+".", nil
			for _, branch := range root.Fields[index].Type.Branches {
				if len(branch.Fields) > 0 {
					fields = branch.Fields
				} else if named := recordNamed(root, branch.Type); named != nil {
					fields = named
				}
			}
		}
		digits, ok := strings.CutPrefix(text, "0x")
		n, isHex := new(big.Int).SetString(digits, 16)
		if !ok || !isHex || len(digits)%2 != 0 {
			return nil, fmt.Errorf("bitmap %q: not even hex", text)
		}
		if n.BitLen() > len(fields) {
			return nil, fmt.Errorf("bitmap %q: %d fields only", text, len(fields))
		}
		var names []string
		for i, field := range fields {
			if n.Bit(i) == 1 {
				names = append(names, prefix+field.Name)
			}
		}
		if prefix != "" && len(names) == len(fields) {
			names = []string{strings.TrimSuffix(prefix, ".")}
		}
		out = append(out, names...)
	}
	return out, nil
}

// recordNamed finds the definition a later use of a named record refers to.
func recordNamed(root *avro.SchemaNode, name string) []avro.SchemaField {
	for _, field := range root.Fields {
		for _, branch := range field.Type.Branches {
			if len(branch.Fields) > 0 && (branch.Name == name || strings.HasSuffix(name, "."+branch.Name)) {
				return branch.Fields
			}
		}
	}
	return nil
}

func TestBitmapsOfRecordedEvents(t *testing.T) {
	tests := []struct {
		set  []position
		want []string
	}{
		{[]position{{11, -1}, {22, -1}}, []string{"0x400800"}},
		{[]position{{23, -1}}, []string{"0x800000"}},
		{[]position{{6, 0}, {23, -1}}, []string{"0x800000", "6-0x01"}},
		{[]position{{68, -1}, {23, -1}}, []string{"0x100000000000800000"}},
		{[]position{{22, -1}, {4, 0}}, []string{"0x400000", "4-0x01"}},
		{[]position{{6, 8}, {6, 7}}, []string{"6-0x0180"}},
		{[]position{{12, -1}, {19, -1}, {20, -1}, {21, -1}, {22, -1}, {23, -1}, {27, -1}}, []string{"0x08F81000"}},
		{[]position{{58, -1}}, []string{"0x0400000000000000"}},
		{[]position{{12, 0}, {3, 1}}, []string{"3-0x02", "12-0x01"}},
		{nil, []string{}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, bitmaps(test.set)); diff != "" {
			t.Errorf("bitmaps(%v): %s", test.set, diff)
		}
	}
}

func TestBitmapsDecodeToWhatWasSet(t *testing.T) {
	org := newTestOrg()
	account, _ := org.Object("Account")
	schema, err := newChangeSchema(account)
	if err != nil {
		t.Fatal(err)
	}
	root := avro.MustParse(schema.json).Root()
	var sources []string
	for _, field := range account.Fields {
		if _, ok := schema.at[field.Name]; ok {
			sources = append(sources, field.Name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfDistinct(rapid.SampledFrom(sources), rapid.ID[string]).Draw(t, "fields")
		var set []position
		var want []string
		for _, name := range chosen {
			p := schema.at[name]
			set = append(set, p)
			if p.part < 0 {
				want = append(want, schema.fields[p.field].name)
			} else {
				want = append(want, schema.fields[p.field].name+"."+schema.fields[p.field].partNames[p.part])
			}
		}
		got, err := namesOf(root, bitmaps(set))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%v decoded as %v, want %v", bitmaps(set), got, want)
		}
	})
}

func TestRecordedBitmapsDecodeWithRecordedSchema(t *testing.T) {
	root := avro.MustParse(string(fixture(t, "valeriyyy/AccountChangeEvent.avsc"))).Root()
	tests := []struct{ bitmaps, want []string }{
		{[]string{"0x100000000000800000"}, []string{"LastModifiedDate", "Some_Date_Time__c"}},
		{[]string{"0x800000", "6-0x01"}, []string{"LastModifiedDate", "ShippingAddress.Street"}},
		{[]string{"6-0x0180"}, []string{"ShippingAddress.Latitude", "ShippingAddress.Longitude"}},
	}
	for _, test := range tests {
		got, err := namesOf(root, test.bitmaps)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%v: %v %s", test.bitmaps, err, diff)
		}
	}
}
