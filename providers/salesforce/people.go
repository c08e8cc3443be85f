package salesforce

import (
	"context"
	"slices"
	"strings"

	"accord/engine/provider"
	"accord/engine/record"
)

// People asks for users by id and by address. A sandbox shows addresses with ".invalid" behind them; they are given as
// shown.
func (p *Provider) People(ctx context.Context, ids, emails []string) ([]record.Person, error) {
	people := map[string]record.Person{}
	ask := func(field string, values []string) error {
		for _, chunk := range chunks(values, idsPerQuery) {
			err := p.client.query(ctx, statement{
				soql:  "SELECT Id, Email, Name, IsActive FROM User" + where(in(field, chunk)) + " ORDER BY Id",
				doing: "look up users",
			}, func(rows []row) error {
				for _, w := range rows {
					u := record.Person{ID: w.text("Id"), Email: w.text("Email"), Name: w.text("Name"), Active: w.truth("IsActive")}
					people[u.ID] = u
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	// Queues own records too, and are no users: asking for them would be asking for nothing.
	if err := ask("Id", distinct(ids, func(id string) bool { return intactID(id) && strings.HasPrefix(id, "005") })); err != nil {
		return nil, err
	}
	if err := ask("Email", distinct(emails, func(e string) bool { return e != "" })); err != nil {
		return nil, err
	}
	list := make([]record.Person, 0, len(people))
	for _, u := range people {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b record.Person) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

var _ provider.Structure = (*Provider)(nil)
