package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"accord/engine/binding"
	"accord/engine/contract"
	"accord/engine/provider"
)

// placed are records of which nothing but their lane matters.
type placed struct {
	provider.Records
	lane string
}

func (p placed) Lane() string { return p.lane }

func TestObjectsThatShareALaneAreOneGroup(t *testing.T) {
	for _, c := range []struct{ objects, want string }{
		{"deal:Opportunity,Deals client:Account,Clients", "deal | client"},
		{"deal:Opportunity,Deals lost:Opportunity,Lost", "deal lost"},
		{"deal:Opportunity,Deals client:Account,Clients note:Task,Deals", "client | deal note"},
		// The third joins two that had nothing in common.
		{"deal:Opportunity,Deals client:Account,Clients both:Account,Deals", "deal client both"},
		// One name in two connections is two lanes.
		{"deal:Deals,Deals", "deal"},
	} {
		ends := [2]contract.End{
			{Connection: &contract.Connection{System: "salesforce", Name: "crm"}}, {Connection: &contract.Connection{System: "monday", Name: "work"}},
		}
		var objects []*object
		for _, text := range strings.Fields(c.objects) {
			name, lanes, _ := strings.Cut(text, ":")
			left, right, _ := strings.Cut(lanes, ",")
			objects = append(objects, &object{Object: &binding.Object{
				Object: &contract.Object{Name: name, Ends: ends}, Records: [2]provider.Records{placed{lane: left}, placed{lane: right}},
			}})
		}
		var got []string
		for _, g := range groups(objects) {
			var names []string
			for _, o := range g.objects {
				if names = append(names, o.Name); o.group != g {
					t.Errorf("%s: %s is not of its group", c.objects, o.Name)
				}
			}
			if g.hold != nil || len(g.lanes) < 2 {
				t.Errorf("%s: %+v", c.objects, g)
			}
			got = append(got, strings.Join(names, " "))
		}
		if s := fmt.Sprint(strings.Join(got, " | ")); s != c.want {
			t.Errorf("%s: %q, want %q", c.objects, s, c.want)
		}
	}
}
