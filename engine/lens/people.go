package lens

import (
	"fmt"

	"accord/engine/contract"
	"accord/engine/record"
)

// personCodec carries people, matched by e-mail address. The canonical value holds addresses.
type personCodec struct{ *subject }

func (c *personCodec) kind() record.Kind { return record.Personal }

// policy is what to do with somebody whom the other side does not know.
func (c *personCodec) policy() contract.People {
	if c.field.People == nil {
		return contract.People{Unmatched: "report"}
	}
	return *c.field.People
}

func (c *personCodec) get(s record.Side, native []record.Value, env Env) (record.Value, error) {
	if native[0].Kind() != record.Personal {
		return record.Value{}, c.wrongKind(s, native[0])
	}
	var emails []string
	for _, id := range native[0].Parts() {
		email, ok := env.Email(s, id)
		if email = record.CanonicalEmail(email); !ok || email == "" {
			p := c.policy()
			if p.Unmatched != "fallback" {
				return record.Value{}, c.reject(UnmatchedPerson, s, id,
					fmt.Sprintf("names %s, who shows no e-mail address in %s", c.show(id), system(s)),
					"only people with an address can be matched: teams and queues can't")
			}
			email = record.CanonicalEmail(p.Fallback)
		}
		emails = append(emails, email)
	}
	return record.OfPerson(emails...), nil
}

func (c *personCodec) put(s record.Side, canonical record.Value, previous []record.Value, env Env) ([]record.Value, error) {
	there := map[string]string{} // who is there already, by address: two users may share one
	if previous != nil && previous[0].Kind() == record.Personal {
		for _, id := range previous[0].Parts() {
			if email, ok := env.Email(s, id); ok {
				there[record.CanonicalEmail(email)] = id
			}
		}
	}
	var ids []string
	for _, email := range canonical.Parts() {
		id, ok := there[email]
		if !ok {
			id, ok = env.PersonID(s, email)
		}
		p := c.policy()
		if !ok && p.Unmatched == "skip" {
			if previous == nil {
				return make([]record.Value, 1), nil
			}
			return []record.Value{previous[0]}, nil
		}
		if !ok && p.Unmatched == "fallback" {
			id, ok = env.PersonID(s, record.CanonicalEmail(p.Fallback))
		}
		if !ok {
			return nil, c.reject(UnmatchedPerson, s, email,
				fmt.Sprintf("names %s, and nobody who can be assigned in %s has this address", c.show(email), system(s)),
				"give a user there the address, or set unmatched in the people block to skip or to a fallback address")
		}
		ids = append(ids, id)
	}
	out := record.OfPerson(ids...)
	if !c.shapes[s][0].Many && out.Len() > 1 {
		return nil, c.tooMany(s, canonical.Len(), "people")
	}
	return []record.Value{out}, nil
}

func (c *personCodec) key(canonical record.Value) string { return joined(canonical) }

func (j *subject) tooMany(s record.Side, n int, of string) *Rejection {
	return j.reject(TooMany, s, "", fmt.Sprintf("has %d %s, and %s holds one", n, of, j.native(s, 0)),
		"leave one at "+system(s.Other()))
}
