package salesforce

import (
	"regexp"
	"slices"
	"strings"

	"accord/engine/provider"
)

// soqlToken is a text in quotes, a name or number, an operator or a bracket; what is none of them separates.
var soqlToken = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|[A-Za-z0-9_.:+-]+|[=!<>]+|[()]`)

// fieldPath is a field, or one of a parent: "Region__c", "Account.Type".
var fieldPath = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$`)

// scopeFields names the fields that a condition compares, as it spells them: whoever evaluates it must be allowed to read
// them. They stand before an operator or as what a function is of; what a list or a subquery holds is left out.
func scopeFields(condition string) []string {
	tokens := soqlToken.FindAllString(condition, -1)
	at := func(i int) string {
		if i < len(tokens) {
			return strings.ToUpper(tokens[i])
		}
		return ""
	}
	var fields []string
	add := func(name string) {
		known := slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, name) })
		if fieldPath.MatchString(name) && !known {
			fields = append(fields, name)
		}
	}
	for i := 0; i < len(tokens); i++ {
		switch next := at(i + 1); {
		case (at(i) == "IN" || at(i) == "INCLUDES" || at(i) == "EXCLUDES") && next == "(":
			depth := 0
			for i++; i < len(tokens); i++ {
				if tokens[i] == "(" {
					depth++
				} else if tokens[i] == ")" {
					if depth--; depth == 0 {
						break
					}
				}
			}
		case at(i) == "AND" || at(i) == "OR" || at(i) == "NOT":
		case strings.ContainsAny(next, "=!<>"), next == "LIKE", next == "IN", next == "INCLUDES", next == "EXCLUDES", next == "NOT" && at(i+2) == "IN":
			add(tokens[i])
		case next == "(" && fieldPath.MatchString(tokens[i]): // a function
			for i += 2; i < len(tokens) && tokens[i] != ")"; i++ {
				if at(i+1) != "(" {
					add(tokens[i])
				}
			}
		}
	}
	return fields
}

// parents are the sObjects that a standard relationship of the same name leads to, and which field it follows.
var parents = []string{"Account", "Contact", "Opportunity", "Case", "Lead", "Campaign", "Product2", "Contract", "Order", "Asset"}

// scope lists what our user must be allowed to read so that the org can evaluate the condition of a spec, besides what
// is mapped: its fields, which must exist, and those of parents that standard relationships lead to.
func (x *expansion) scope(s provider.ObjectSpec) (own []provider.FieldSpec, err error) {
	read := func(name string) {
		known := func(f provider.FieldSpec) bool { return strings.EqualFold(f.Name, name) }
		if !alwaysGranted[strings.ToLower(name)] && !slices.ContainsFunc(s.Fields, known) && !slices.ContainsFunc(own, known) && !strings.EqualFold(name, keyName(s)) {
			own = append(own, provider.FieldSpec{Name: name, Scale: -1})
		}
	}
	for _, path := range scopeFields(s.Settings["where"]) {
		relationship, field, isParents := strings.Cut(path, ".")
		if !isParents {
			read(path)
			continue
		}
		i := slices.IndexFunc(parents, func(p string) bool { return strings.EqualFold(p, relationship) })
		if i < 0 || strings.Contains(field, ".") {
			continue // where it leads only the org knows
		}
		read(parents[i] + "Id")
		parent := provider.ObjectSpec{Object: s.Object, Connection: s.Connection, Settings: map[string]string{"sobject": parents[i]},
			Fields: []provider.FieldSpec{{Name: field, Scale: -1}}}
		if err := x.spec(parent); err != nil {
			return nil, err
		}
	}
	return own, nil
}
