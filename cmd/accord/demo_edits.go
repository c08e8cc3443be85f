package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"accord/cmd/accord/internal/emulation"
	"accord/cmd/accord/internal/people"
	"accord/cmd/accord/internal/view"
)

// edit is one thing that a person does on one side, and how it shows on the other.
type edit struct {
	what   string
	do     func(ctx context.Context) error
	shows  func(ctx context.Context) (string, error)
	expect string
}

const arrivalLimit = 30 * time.Second

// edits plays what people do, one after the other, and waits for each to arrive.
func (d *demo) edits(ctx context.Context) error {
	deals, err := d.pairs(ctx, "Opportunity", 6)
	if err != nil {
		return err
	}
	clients, err := d.pairs(ctx, "Account", 1)
	if err != nil {
		return err
	}
	open, err := d.soql(ctx, "SELECT Id, StageName FROM Opportunity WHERE StageName = 'Negotiation/Review' AND OwnerId != null LIMIT 1")
	if err != nil || len(open) == 0 {
		return fmt.Errorf("find an open opportunity (%d found): %w", len(open), err)
	}
	won, _ := open[0]["Id"].(string)
	for _, e := range d.script(deals, clients[0], won) {
		if err := d.play(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// pair is a record and the item that it names.
type pair struct{ record, item string }

func (d *demo) pairs(ctx context.Context, sObject string, n int) ([]pair, error) {
	rows, err := d.soql(ctx, fmt.Sprintf("SELECT Id, Monday_Item_Id__c FROM %s WHERE Monday_Item_Id__c != null ORDER BY Id LIMIT %d", sObject, n))
	if err != nil {
		return nil, err
	}
	if len(rows) < n {
		return nil, fmt.Errorf("only %d records of %s have an item, %d are needed for the edits", len(rows), sObject, n)
	}
	pairs := make([]pair, n)
	for i, r := range rows {
		pairs[i] = pair{fmt.Sprint(r["Id"]), fmt.Sprint(r["Monday_Item_Id__c"])}
	}
	return pairs, nil
}

func (d *demo) script(deals []pair, client pair, won string) []edit {
	sf := func(i int) string { return deals[i].record }
	item := func(i int) string { return deals[i].item }
	board := func(id, column string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return d.cell(ctx, id, column) }
	}
	row := func(sObject, id, field string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return d.field(ctx, sObject, id, field) }
	}
	set := func(sObject, id string, fields map[string]any) func(context.Context) error {
		return func(ctx context.Context) error { return d.patch(ctx, sObject, id, fields) }
	}
	change := func(id string, values map[string]any) func(context.Context) error {
		return func(ctx context.Context) error { return d.change(ctx, id, values) }
	}
	amount := ""
	return []edit{
		{"Salesforce: an amount is corrected", set("Opportunity", sf(0), map[string]any{"Amount": 48250.5}), board(item(0), "amount"), "48250.5"},
		{"Salesforce: a next step is written", set("Opportunity", sf(1), map[string]any{"NextStep": "Kick-off in Łódź — bring «plan B» 🚀"}), board(item(1), "next_step"), "Kick-off in Łódź — bring «plan B» 🚀"},
		{"Salesforce: a client gets a website", set("Account", client.record, map[string]any{"Website": "https://new.example.com"}), board(client.item, "website"), "https://new.example.com"},
		{"Salesforce: a deal is won, and becomes an item", set("Opportunity", won, map[string]any{"StageName": "Closed Won"}), func(ctx context.Context) (string, error) {
			id, err := d.field(ctx, "Opportunity", won, "Monday_Item_Id__c")
			if id != "" {
				id = "an item"
			}
			return id, err
		}, "an item"},
		{"monday: progress is reported", change(item(2), map[string]any{"progress": "42.5"}), row("Opportunity", sf(2), "Delivery_Progress__c"), "42.5"},
		{"monday: a next step is written", change(item(3), map[string]any{"next_step": "waiting for access"}), row("Opportunity", sf(3), "NextStep"), "waiting for access"},
		{"monday: a kick-off is scheduled", change(item(4), map[string]any{"kickoff": map[string]any{"date": "2027-03-28", "time": "09:30:00"}}), row("Opportunity", sf(4), "Kickoff__c"), "2027-03-28T09:30:00.000+0000"},
		{"monday: somebody edits a read-only amount, and it is put back", func(ctx context.Context) error {
			var err error
			if amount, err = d.cell(ctx, item(0), "amount"); err != nil {
				return err
			}
			return d.change(ctx, item(0), map[string]any{"amount": "1"})
		}, func(ctx context.Context) (string, error) {
			now, err := d.cell(ctx, item(0), "amount")
			if now == amount {
				return "put back", err
			}
			return now, err
		}, "put back"},
	}
}

// play makes one edit and waits until it shows.
func (d *demo) play(ctx context.Context, e edit) error {
	if err := e.do(ctx); err != nil {
		return fmt.Errorf("%s: %w", e.what, err)
	}
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for time.Since(began) < arrivalLimit {
		var err error
		if last, err = e.shows(ctx); err != nil {
			return fmt.Errorf("%s: look at the other side: %w", e.what, err)
		}
		if last == e.expect {
			d.say("        %-62s %8s", e.what, view.Duration(time.Since(began)))
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return fmt.Errorf("%s: after %s the other side still shows %q, not %q", e.what, arrivalLimit, last, e.expect)
}

// cell is the text of one cell of an item, by monday's API.
func (d *demo) cell(ctx context.Context, item, column string) (string, error) {
	var answer struct {
		Items []struct {
			Values []struct {
				Text string `json:"text"`
				URL  string `json:"url"`
			} `json:"column_values"`
		} `json:"items"`
	}
	err := d.graphql(ctx, `query ($item: [ID!], $column: [String!]) { items(ids: $item) { column_values(ids: $column) { text ... on LinkValue { url } } } }`,
		map[string]any{"item": []string{item}, "column": []string{column}}, &answer)
	if err != nil {
		return "", err
	}
	if len(answer.Items) == 0 || len(answer.Items[0].Values) == 0 {
		return "", nil
	}
	if v := answer.Items[0].Values[0]; v.URL != "" {
		return v.URL, nil
	}
	return answer.Items[0].Values[0].Text, nil
}

// change writes cells of an item, by monday's API.
func (d *demo) change(ctx context.Context, item string, values map[string]any) error {
	var where struct {
		Items []struct {
			Board struct {
				ID string `json:"id"`
			} `json:"board"`
		} `json:"items"`
	}
	if err := d.graphql(ctx, `query ($item: [ID!]) { items(ids: $item) { board { id } } }`, map[string]any{"item": []string{item}}, &where); err != nil {
		return err
	}
	if len(where.Items) == 0 {
		return fmt.Errorf("item %s is not there", item)
	}
	return d.people().Change(ctx, "", where.Items[0].Board.ID, item, values)
}

// graphql asks monday.
func (d *demo) graphql(ctx context.Context, query string, variables map[string]any, data any) error {
	return d.people().GraphQL(ctx, "", query, variables, data)
}

// field is one field of one record, by Salesforce's API, as text.
func (d *demo) field(ctx context.Context, sObject, id, field string) (string, error) {
	rows, err := d.soql(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE Id = '%s'", field, sObject, id))
	if err != nil || len(rows) == 0 || rows[0][field] == nil {
		return "", err
	}
	return fmt.Sprint(rows[0][field]), nil
}

// soql runs a query to its last page, by Salesforce's API.
func (d *demo) soql(ctx context.Context, query string) ([]map[string]any, error) {
	return d.people().Query(ctx, query)
}

func (d *demo) patch(ctx context.Context, sObject, id string, fields map[string]any) error {
	return d.people().Update(ctx, sObject, id, fields)
}

// people are who edits and looks.
func (d *demo) people() *people.People {
	if d.edited == nil {
		d.edited = visitors(d.emulated)
	}
	return d.edited
}

// visitors enter the emulated vendors with the credentials that they give out.
func visitors(e *emulation.Emulation) *people.People {
	return &people.People{
		MondayURL: e.Get("MONDAY_URL"), MondayToken: e.Get("MONDAY_TOKEN"), SalesforceURL: e.Get("SF_URL"), SalesforceToken: e.Get("SF_ACCESS_TOKEN"),
	}
}

// untilListening waits until the running sync answers a challenge, as monday makes them.
func (d *demo) untilListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, arrivalLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var answer map[string]any
		if d.people().Call(ctx, http.MethodPost, d.hook, "", map[string]any{"challenge": "demo"}, &answer) == nil && answer["challenge"] == "demo" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the sync to listen: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
