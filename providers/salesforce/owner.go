package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/resource"
)

// kindOwner is who owns the records that we create where no field says so. The org would give them to our own user: a
// program that owns everything hides who is in charge, and slows the org down once it owns too much.
const kindOwner = "record_owner"

// unsaidOwner is the wanted state of an sObject whose new records nobody is named to own.
const unsaidOwner = `owner in the create block, or a field that maps OwnerId and is written`

func ownerAddress(s provider.ObjectSpec) string {
	return objectAddress(s.Connection, s.Settings["sobject"]) + "/" + kindOwner + "/" + s.Object
}

// owner lists who is to own new records of a spec, to be looked up; or, where nobody is named at all, that somebody must be.
func (x *expansion) owner(s provider.ObjectSpec) {
	if !s.Creates || x.creating {
		return
	}
	r := resource.Resource{Address: ownerAddress(s), Connection: s.Connection, Kind: kindOwner, Object: s.Object, Name: s.Owner,
		DependsOn: []string{objectAddress(s.Connection, s.Settings["sobject"])}}
	mapped := slices.ContainsFunc(s.Fields, func(f provider.FieldSpec) bool { return strings.EqualFold(f.Name, "OwnerId") && f.Writes })
	switch {
	case s.Owner != "":
		r.Attributes = map[string]any{"matches": 1.0, "active": true, "sobjects": []any{s.Settings["sobject"]}}
	case !mapped:
		r.Name = "of new " + s.Settings["sobject"] + " records"
		r.Attributes = map[string]any{"owner": unsaidOwner}
	default:
		return
	}
	x.add(r)
}

// describeOwners answers for the owners that the contract names. It comes after the sObjects, which say whether their
// records have owners at all: those of a master-detail relationship have their parent's.
func (p *Provider) describeOwners(ctx context.Context, want []resource.Resource, have map[string]resource.Resource) error {
	for _, w := range ofKinds(want, kindOwner) {
		sobject := placeOf(w.Address).first
		o, described := have[objectAddress(placeOf(w.Address).connection, sobject)]
		owned, told := o.Attributes["owned"].(bool)
		switch {
		case !described || !told:
			have[w.Address] = found(w, "not known yet", w.Attributes) // hidden: the next describe will tell
		case w.Attributes["owner"] == unsaidOwner && owned:
			have[w.Address] = found(w, "nobody", map[string]any{"owner": "our own user"})
		case w.Attributes["owner"] == unsaidOwner:
			have[w.Address] = found(w, "the parent's", w.Attributes)
		default:
			id, attributes, err := p.lookUpOwner(ctx, w.Name)
			if err != nil {
				return err
			}
			if id == "" {
				continue
			}
			if objects, isQueue := attributes["sobjects"].([]any); !owned {
				attributes["sobjects"] = []any{}
			} else if !isQueue {
				attributes["sobjects"] = []any{sobject}
			} else if slices.ContainsFunc(objects, func(o any) bool { name, _ := o.(string); return strings.EqualFold(name, sobject) }) {
				attributes["sobjects"] = append(objects, sobject) // as the contract spells it
			}
			have[w.Address] = found(w, id, attributes)
		}
	}
	return nil
}

// lookUpOwner finds the user with a login name or an address, or else the queue with a name. Of several users with one
// address only active ones count, as long as there is one. Queues show which sObjects they take.
func (p *Provider) lookUpOwner(ctx context.Context, name string) (id string, attributes map[string]any, err error) {
	doing := fmt.Sprintf("look up %q, who is to own new records", name)
	if strings.Contains(name, "@") {
		rows, err := p.client.all(ctx, statement{doing: doing,
			soql: "SELECT Id, Username, IsActive FROM User WHERE Username = " + quote(name) + " OR Email = " + quote(name) + " ORDER BY Id LIMIT 20"})
		if err != nil || len(rows) == 0 {
			return "", nil, err
		}
		if i := slices.IndexFunc(rows, func(r row) bool { return strings.EqualFold(r.text("Username"), name) }); i >= 0 {
			rows = rows[i : i+1]
		} else if active := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !r.truth("IsActive") }); len(active) > 0 {
			rows = active
		}
		return rows[0].text("Id"), map[string]any{"matches": float64(len(rows)), "active": rows[0].truth("IsActive")}, nil
	}
	rows, err := p.client.all(ctx, statement{doing: doing,
		soql: "SELECT Id FROM Group WHERE Type = 'Queue' AND (DeveloperName = " + quote(name) + " OR Name = " + quote(name) + ") ORDER BY Id LIMIT 20"})
	if err != nil || len(rows) == 0 {
		return "", nil, err
	}
	taken, err := p.client.all(ctx, statement{doing: doing,
		soql: "SELECT SobjectType FROM QueueSobject WHERE QueueId = " + quote(rows[0].text("Id")) + " ORDER BY SobjectType"})
	if err != nil {
		return "", nil, err
	}
	objects := []any{}
	for _, r := range taken {
		objects = append(objects, r.text("SobjectType"))
	}
	return rows[0].text("Id"), map[string]any{"matches": float64(len(rows)), "active": true, "sobjects": objects}, nil
}

// owned completes the body of a new record with its owner. A record whose owner would be left to chance is refused:
// it waits as a dead letter that says so.
func (r *records) owned(body object, doing string) (object, error) {
	i := slices.IndexFunc(body, func(m member) bool { return strings.EqualFold(m.name, "OwnerId") })
	switch {
	case i >= 0 && body[i].value != nil:
		return body, nil
	case i >= 0:
		body = slices.Delete(slices.Clone(body), i, i+1)
	}
	switch {
	case r.owner != "":
		return append(body, member{"OwnerId", r.owner}), nil
	case r.needsOwner:
		return nil, invalid(doing, "nobody is named to own it: give the person who is, or name an owner in the contract's create block", "OwnerId")
	default:
		return body, nil
	}
}
