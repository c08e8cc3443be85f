package salesforce

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/provider"
)

var _ provider.Adviser = (*Provider)(nil)

// ownerMost is how many records of one sObject a user or queue may own before it slows the org down: every change of
// theirs in the role hierarchy recalculates the sharing of all ("Best Practices for Deployments with Large Data Volumes",
// "ownership data skew").
const ownerMost = 10_000

// advised is how many owners a plan names at most.
const advised = 5

// Advise warns of selections for change events that the org may not have room for, and of owners who would own too many
// records with those that the plan creates.
func (p *Provider) Advise(ctx context.Context, b provider.Binding, prospect provider.Prospect) ([]string, error) {
	r, err := p.open(b)
	if err != nil {
		return nil, err
	}
	owners, err := p.adviseOwners(ctx, r, b, prospect)
	return slices.Concat(adviseEvents(b, b.Spec.Settings["sobject"]), adviseActions(b), owners), err
}

// adviseActions warns of triggers whose records would be left to our own user.
func adviseActions(b provider.Binding) []string {
	var warnings []string
	for _, a := range b.Spec.Actions {
		sobject := a.Settings["sobject"]
		named := slices.ContainsFunc(a.Fields, func(f string) bool { return strings.EqualFold(f, "OwnerId") })
		for _, r := range b.Resources {
			if !named && sobject != "" && r.Address == objectAddress(b.Spec.Connection, sobject) && truthOf(r.Attributes, "owned") {
				warnings = append(warnings, fmt.Sprintf("a trigger of %s creates %s records that will belong to our own user: name OwnerId among its fields", b.Spec.Object, sobject))
			}
		}
	}
	return warnings
}

// adviseOwners asks with one aggregate, which shows only those who may come near.
func (p *Provider) adviseOwners(ctx context.Context, r *records, b provider.Binding, prospect provider.Prospect) ([]string, error) {
	gains, nobody := r.gains(prospect)
	most := 0
	for _, n := range gains {
		most = max(most, n)
	}
	writes := slices.ContainsFunc(b.Spec.Fields, func(f provider.FieldSpec) bool { return strings.EqualFold(f.Name, "OwnerId") && f.Writes })
	if !r.needsOwner || !writes && prospect.Creates == 0 {
		return nil, nil
	}
	soql := "SELECT OwnerId, COUNT(Id) owned FROM " + r.object + " GROUP BY OwnerId"
	if most < ownerMost {
		soql += fmt.Sprintf(" HAVING COUNT(Id) > %d", ownerMost-most)
	}
	rows, err := p.client.all(ctx, statement{soql: soql + " ORDER BY COUNT(Id) DESC LIMIT 2000", doing: r.doing("count the owners of")})
	if err != nil {
		return nil, err
	}
	type owner struct {
		id         string
		has, gains int
	}
	totals := map[string]*owner{}
	for id, n := range gains {
		totals[shortID(id)] = &owner{id: id, gains: n}
	}
	for _, w := range rows {
		id := w.text("OwnerId")
		if totals[shortID(id)] == nil {
			totals[shortID(id)] = &owner{id: id}
		}
		totals[shortID(id)].has = w.number("owned")
	}
	var over []*owner
	for _, o := range totals {
		if o.has+o.gains > ownerMost {
			over = append(over, o)
		}
	}
	slices.SortFunc(over, func(a, b *owner) int {
		return cmp.Or(cmp.Compare(b.has+b.gains, a.has+a.gains), cmp.Compare(a.id, b.id))
	})
	more := len(over) - advised
	over = over[:min(len(over), advised)]
	var ids []string
	for _, o := range over {
		ids = append(ids, o.id)
	}
	names, err := p.namesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var warnings []string
	if nobody > 0 {
		warnings = append(warnings, fmt.Sprintf("%d new %s records name nobody to own them, and will be refused: name an owner in the create block for those", nobody, r.object))
	}
	for _, o := range over {
		warnings = append(warnings, fmt.Sprintf("%s owns %d %s records%s: above %d, changes of roles and sharing lock them and slow the org down; spread them over several owners, or keep this one outside the role hierarchy",
			orElse(names[o.id], o.id), o.has, r.object, gained(o.gains), ownerMost))
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more owners own more than %d %s records", more, ownerMost, r.object))
	}
	return warnings, nil
}

func gained(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and the plan adds %d", n)
}

// gains counts the records that a plan creates by who will own them, and those for which nobody is named.
func (r *records) gains(p provider.Prospect) (gains map[string]int, nobody int) {
	gains, left := map[string]int{}, p.Creates
	for native, people := range p.People {
		if !strings.EqualFold(native, "OwnerId") {
			continue
		}
		for id, n := range people {
			gains[id] += n
			left -= n
		}
	}
	switch {
	case left <= 0:
	case r.owner != "":
		gains[r.owner] += left
	default:
		return gains, left
	}
	return gains, 0
}

// namesOf gives the names of users and queues.
func (p *Provider) namesOf(ctx context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	for object, prefix := range map[string]string{"User": "005", "Group": "00G"} {
		asked := distinct(ids, func(id string) bool { return intactID(id) && strings.HasPrefix(id, prefix) })
		if len(asked) == 0 {
			continue
		}
		rows, err := p.client.all(ctx, statement{soql: "SELECT Id, Name FROM " + object + where(in("Id", asked)), doing: "look up the names of owners"})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			names[r.text("Id")] = r.text("Name")
		}
	}
	return names, nil
}
