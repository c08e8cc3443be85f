package people

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Item is one active item of a board.
type Item struct {
	ID, Name, Group string
	Values          map[string]string // by column: its text, and for what has none its address, its span, its linked items
	Updates         []string          // texts of the comments
}

type page struct {
	Cursor string
	Items  []struct {
		ID, Name string
		Group    struct{ Title string }
		Updates  []struct {
			Text string `json:"text_body"`
		}
		Values []struct {
			ID, Text, URL string
			From, To      string
			Linked        []string `json:"linked_item_ids"`
		} `json:"column_values"`
	}
}

const selection = `cursor items { id name group { title } updates(limit: 100) { text_body }
	column_values { id text ... on LinkValue { url } ... on TimelineValue { from to } ... on BoardRelationValue { linked_item_ids } } }`

// Board finds a board by its name; "" where there is none.
func (p *People) Board(ctx context.Context, name string) (id string, err error) {
	var there struct{ Boards []struct{ ID, Name string } }
	if err := p.GraphQL(ctx, "", `{ boards(limit: 100) { id name } }`, nil, &there); err != nil {
		return "", err
	}
	for _, b := range there.Boards {
		if b.Name == name {
			return b.ID, nil
		}
	}
	return "", nil
}

// Items pages through a board.
func (p *People) Items(ctx context.Context, board string) ([]Item, error) {
	var first struct {
		Boards []struct {
			Page page `json:"items_page"`
		}
	}
	if err := p.GraphQL(ctx, "", `query ($id: [ID!]) { boards(ids: $id) { items_page(limit: 500) { `+selection+` } } }`, map[string]any{"id": []string{board}}, &first); err != nil {
		return nil, err
	}
	if len(first.Boards) == 0 {
		return nil, fmt.Errorf("board %s is not there", board)
	}
	list := first.Boards[0].Page.items()
	for cursor := first.Boards[0].Page.Cursor; cursor != ""; {
		var next struct {
			Page page `json:"next_items_page"`
		}
		if err := p.GraphQL(ctx, "", `query ($c: String!) { next_items_page(limit: 500, cursor: $c) { `+selection+` } }`, map[string]any{"c": cursor}, &next); err != nil {
			return nil, err
		}
		list = append(list, next.Page.items()...)
		cursor = next.Page.Cursor
	}
	return list, nil
}

func (p page) items() []Item {
	var list []Item
	for _, i := range p.Items {
		it := Item{ID: i.ID, Name: i.Name, Group: i.Group.Title, Values: map[string]string{}}
		for _, u := range i.Updates {
			it.Updates = append(it.Updates, u.Text)
		}
		for _, v := range i.Values {
			text := v.Text
			switch {
			case v.URL != "":
				text = v.URL
			case v.From+v.To != "":
				text = v.From + "/" + v.To
			case len(v.Linked) > 0:
				text = strings.Join(v.Linked, ",")
			}
			it.Values[v.ID] = text
		}
		list = append(list, it)
	}
	return list
}

// Change writes cells of an item, by column.
func (p *People) Change(ctx context.Context, key, board, item string, values map[string]any) error {
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	return p.GraphQL(ctx, key, `mutation ($board: ID!, $item: ID!, $values: JSON!) { change_multiple_column_values(board_id: $board, item_id: $item, column_values: $values) { id } }`,
		map[string]any{"board": board, "item": item, "values": string(text)}, nil)
}

// Type writes one cell of an item by its text, as somebody does who clicks into it; the column "name" is its name.
func (p *People) Type(ctx context.Context, key, board, item, column, text string) error {
	return p.GraphQL(ctx, key, `mutation ($board: ID!, $item: ID!, $column: String!, $value: String!) { change_simple_column_value(board_id: $board, item_id: $item, column_id: $column, value: $value) { id } }`,
		map[string]any{"board": board, "item": item, "column": column, "value": text}, nil)
}

// Add makes an item, and gives its id.
func (p *People) Add(ctx context.Context, key, board, name string) (id string, err error) {
	var made struct {
		Item struct{ ID string } `json:"create_item"`
	}
	err = p.GraphQL(ctx, key, `mutation ($board: ID!, $name: String!) { create_item(board_id: $board, item_name: $name) { id } }`,
		map[string]any{"board": board, "name": name}, &made)
	return made.Item.ID, err
}

// Remove deletes an item, or archives it.
func (p *People) Remove(ctx context.Context, key, item string, archive bool) error {
	name := "delete_item"
	if archive {
		name = "archive_item"
	}
	return p.GraphQL(ctx, key, `mutation ($item: ID!) { `+name+`(item_id: $item) { id } }`, map[string]any{"item": item}, nil)
}
