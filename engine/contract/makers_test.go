package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// end is one object for tests of what objects do to each other: its sObject and where clause or record type, its board, its
// key fields by its name, and what else stands in it.
func end(name, sobject, scope, board, rest string) string {
	if scope != "" {
		scope = "\n    " + scope
	}
	return say(`object %q {
  salesforce {
    connection  = connection.salesforce.crm
    sobject     = %q
    external_id = "Key_%s__c"%s
  }
  monday {
    connection = connection.monday.work
    board      = %q
    key        = text.key_%s
  }
  %s
}
`, name, sobject, name, scope, board, name, rest)
}

func mapped(field, salesforce, owner string) string {
	monday := "text." + field
	if field == "name" {
		monday = "name"
	}
	return say("\n  field %q {\n    salesforce = %s\n    monday     = %s\n    owner      = %s\n  }", field, salesforce, monday, owner)
}

const (
	toBoard = "create \"monday\" {}"
	toOrg   = "create \"salesforce\" {}"
)

func connections() string {
	return base[strings.Index(base, "connection \"salesforce\""):strings.Index(base, "connection \"monday\" \"other\"")]
}

// told are the codes and texts of the errors of a contract.
func told(t *testing.T, text string) (codes []string, all string) {
	t.Helper()
	_, diags := Parse(one(connections() + text))
	for _, d := range diags {
		codes = append(codes, CodeOf(d))
		all += d.Summary + "\n" + d.Detail + "\n"
		if d.Subject == nil || d.Subject.Empty() {
			t.Errorf("nothing shows where: %s", d.Summary)
		}
	}
	return codes, all
}

func TestRecordsMadeForEachOther(t *testing.T) {
	name, site := mapped("name", "Name", "salesforce"), mapped("name", "Site", "monday")
	where := func(s string) string { return `where       = "` + s + `"` }
	kind := func(s string) string { return `record_type = "` + s + `"` }
	itemOn := func(on, board string) string {
		return loopTrigger("t", on, "created()", makeItem(board, `"x"`))
	}
	for _, c := range []struct {
		name, text string
		says       []string
	}{
		{"two objects on one sObject and one board", end("a", "Account", "", "X", toBoard+name) + end("b", "Account", "", "X", toOrg+site),
			[]string{`a (create "monday") → b (create "salesforce") → a (create "monday")`, `1. object "a" creates an item on board "X", which object "b" takes up; object "b" creates a record of Account for it`}},
		{"round four objects", end("a", "Account", "", "X", toBoard+name) + end("b", "Lead", "", "X", toOrg+site) + end("c", "Lead", "", "Y", toBoard+name) + end("d", "Account", "", "Y", toOrg+site),
			[]string{`a (create "monday") → b (create "salesforce") → c (create "monday") → d (create "salesforce") → a`}},
		{"one of them creates nothing", end("a", "Account", "", "X", toBoard+name) + end("b", "Lead", "", "X", toOrg+site) + end("c", "Lead", "", "Y", name) + end("d", "Account", "", "Y", toOrg+site), nil},
		{"a condition that never holds", end("a", "Account", "", "X", toBoard+name) + end("b", "Account", "", "X", "create \"salesforce\" {\n when = false\n }"+site), nil},
		{"one object creates on both sides", end("a", "Account", "", "X", toBoard+"\n"+toOrg+mapped("name", "Name", "either\n    conflict   = newest")), nil},
		{"record types of their own", end("a", "Account", kind("Customer"), "X", toBoard+name) + end("b", "Account", kind("Partner"), "X", toOrg+site), nil},
		{"a where clause says nothing of what is created", end("a", "Account", where("Type = 'Customer'"), "X", toBoard+name) + end("b", "Account", where("Type = 'Partner'"), "X", toOrg+site),
			[]string{`b (create "salesforce")`}},
		{"a trigger by way of create blocks", end("a", "Account", "", "X", name) + end("b", "Lead", "", "Y", toOrg+site) + end("c", "Lead", "", "Z", toBoard+name) + end("d", "Account", "", "Z", toOrg+site) + itemOn("object.a", "Y"),
			[]string{`t → b (create "salesforce") → c (create "monday") → d (create "salesforce") → t`, `4. object "d" creates a record of Account, which object "a" takes up; trigger "t" fires: the record is new`}},
		{"a trigger's record for which an item is made", end("a", "Account", "", "X", toBoard+name) + end("b", "Lead", "", "X", name) + loopTrigger("t", "object.b", "created()", create(`"Account"`, `Name = "x"`)),
			[]string{`t → a (create "monday") → t`}},
		{"into another scope", end("a", "Account", where("Type = 'Customer' AND Name != null"), "X", name) + loopTrigger("t", "object.a", "created()", create(`"Account"`, `Type = "Partner"`)), nil},
		{"into the same scope", end("a", "Account", where("Type IN ('Customer', 'partner')"), "X", name) + loopTrigger("t", "object.a", "created()", create(`"Account"`, `Type = "Partner"`)), []string{"t → t"}},
		{"into a scope that a rule changes", end("a", "Account", where("Type = 'Customer'"), "X", name+mapped("type", "Type", "monday")) +
			loopTrigger("t", "object.a", "after.name != null", create(`"Account"`, `Type = "Partner"`)), []string{"t → t"}},
		{"into a scope that is either", end("a", "Account", where("Type = 'Customer' OR Name != null"), "X", name) + loopTrigger("t", "object.a", "created()", create(`"Account"`, `Type = "Partner"`)), []string{"t → t"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			codes, all := told(t, c.text)
			if c.says == nil {
				if len(codes) > 0 {
					t.Errorf("%v: %s", codes, all)
				}
				return
			}
			if len(codes) != 1 || codes[0] != codeLoop {
				t.Fatalf("%v: %s", codes, all)
			}
			for _, want := range c.says {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in: %s", want, all)
				}
			}
		})
	}
}

func TestObjectsThatShareRecords(t *testing.T) {
	where := func(s string) string { return `where       = "` + s + `"` }
	fromBoard := mapped("name", "Name", "salesforce") + mapped("note", "Site", "monday")
	byName := "match = [name]"
	ofA := strings.Replace(end("a", "Account", where("Type = 'A'"), "X", toBoard+mapped("name", "Name", "salesforce")), "key_a", "key", 1)
	ofB := strings.Replace(end("b", "Account", where("Type = 'B'"), "X", toBoard+mapped("name", "Name", "salesforce")), "key_b", "key", 1)
	sameKey := func(s string) string {
		return strings.NewReplacer("Key_a__c", "Key__c", "Key_b__c", "Key__c").Replace(s)
	}
	for _, c := range []struct {
		name, text, code, says string
	}{
		{"two boards write one field of a record", end("a", "Account", "", "X", byName+fromBoard) + end("b", "Account", "", "Y", byName+fromBoard), codeNativeTwice,
			"object.a.field.note and object.b.field.note both write Account.Site in salesforce"},
		{"that they find only by its key", end("a", "Account", "", "X", fromBoard) + end("b", "Account", "", "Y", fromBoard), "", ""},
		{"of records apart", end("a", "Account", where("Type = 'A'"), "X", byName+fromBoard) + end("b", "Account", where("Industry = 'y' AND Type = 'B'"), "Y", byName+fromBoard), "", ""},
		{"of records that a rule takes from one to the other", end("a", "Account", where("Site = 'A'"), "X", byName+fromBoard) + end("b", "Account", where("Site = 'B'"), "Y", byName+fromBoard), codeNativeTwice, "Account.Site"},
		{"of records that overlap", end("a", "Account", where("Type IN ('A', 'B')"), "X", byName+fromBoard) + end("b", "Account", where("type = 'b'"), "Y", byName+fromBoard), codeNativeTwice, "Account.Site"},
		{"two objects write one column", end("a", "Account", "", "X", toBoard+mapped("name", "Name", "salesforce")) + end("b", "Lead", "", "X", byName+mapped("name", "Company", "salesforce")), codeNativeTwice, "X.name in monday"},
		{"reading the same is no harm", end("a", "Account", "", "X", byName+mapped("name", "Name", "salesforce")) + end("b", "Account", "", "Y", byName+mapped("name", "Name", "salesforce")), "", ""},
		{"one key for two boards", sameKey(end("a", "Account", "", "X", "") + end("b", "Account", "", "Y", "")), codeSharedKey, `the id of an item on board "X", and that of an item on board "Y"`},
		{"one key for records apart", sameKey(end("a", "Account", where("Type = 'A'"), "X", "") + end("b", "Account", where("Type = 'B'"), "Y", "")), "", ""},
		{"one column for items of records apart", ofA + ofB, "", ""},
		{"one column for items that both find", strings.Replace(ofA, toBoard, byName, 1) + ofB, codeSharedKey, `the id of a record of Account`},
		{"a field writes another object's key", end("a", "Account", "", "X", "") + end("b", "Account", "", "Y", mapped("note", "key_a__c", "monday")), codeNativeTwice, `holds the key of object "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			codes, all := told(t, c.text)
			if c.code == "" && len(codes) > 0 || c.code != "" && (len(codes) == 0 || codes[0] != c.code || !strings.Contains(all, c.says)) {
				t.Errorf("%v: %s", codes, all)
			}
		})
	}
}

// A value goes on from one object to another only in records that may be in both.
func TestValuesThatStayInTheirScope(t *testing.T) {
	ring := func(a, b string) string {
		return end("a", "Account", a, "X", mapped("note", "Site", "salesforce")) + end("b", "Account", b, "X", mapped("note", "Site", "monday"))
	}
	if codes, all := told(t, ring("", "")); len(codes) != 1 || codes[0] != codeLoop || !strings.Contains(all, "object.a.field.note → object.b.field.note → object.a.field.note") {
		t.Errorf("%v: %s", codes, all)
	}
	// The board is shared still, but what comes from one scope leads to records of the other.
	if codes, all := told(t, ring(`where = "Type = 'A'"`, `where = "Type = 'B'"`)); len(codes) > 0 {
		t.Errorf("%v: %s", codes, all)
	}
}

func TestWhatAWhereClauseDemands(t *testing.T) {
	for where, want := range map[string]map[string][]string{
		"":                                    {},
		"Type = 'New'":                        {"type": {"'new"}},
		"TYPE='New Business' and Amount > 5":  {"type": {"'new business"}},
		"Type IN ('A','B') AND IsWon = true":  {"type": {"'a", "'b"}, "iswon": {"true"}},
		"(Type = 'A' OR Type = 'B')":          {},
		"Type = 'A' AND (X = 'y' OR Z = 'w')": {"type": {"'a"}},
		"Type = 'A' OR Type = 'B'":            nil,
		"NOT Type = 'A'":                      nil,
		"Type = 'it\\'s'":                     nil,
		"Type = 'open":                        nil,
		"(Type = 'A'":                         nil,
		"Type NOT IN ('A')":                   nil,
		"Type != 'A'":                         {},
		"Type >= 'A'":                         {},
		"Type = null":                         {},
		"Owner.Name = 'A'":                    {},
		"Type IN ('A' 'B')":                   {},
		"Type IN (SELECT Id FROM X)":          {},
		"Type = ' and or '":                   {"type": {"'and or"}},
		"A = 'x' AND A = 'y'":                 {"a": {"'x"}},
		"CALENDAR_YEAR(D) = 2026":             {},
	} {
		if diff := cmp.Diff(want, demands(where)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", where, diff)
		}
	}
}
