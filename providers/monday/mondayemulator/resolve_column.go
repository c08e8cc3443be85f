package mondayemulator

import (
	"maps"

	"accord/providers/monday/mondayemulator/internal/account"
	"accord/providers/monday/mondayemulator/internal/gql"
)

func mutateColumns() map[string]field {
	return map[string]field{
		"create_column": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			if len(a.Map("capabilities")) > 0 {
				return nil, account.InvalidArgument("column capabilities are not served by this emulator")
			}
			settings, err := account.DecodeValues(a["defaults"])
			if err != nil {
				return nil, err
			}
			return createColumn(r, b, a, a.String("column_type"), settings)
		}),
		"create_status_column": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return createColumn(r, b, a, "status", a.Map("defaults"))
		}),
		"create_dropdown_column": onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
			return createColumn(r, b, a, "dropdown", a.Map("defaults"))
		}),
		"update_column":          onBoard(updateColumn("")),
		"update_status_column":   onBoard(updateColumn("status")),
		"update_dropdown_column": onBoard(updateColumn("dropdown")),
		"change_column_title": onColumn(func(r *request, b *account.Board, c *account.Column, a gql.Args) (any, error) {
			return c, r.acct().RenameColumn(r.by(), b, c, "title", a.String("title"))
		}),
		"change_column_metadata": onColumn(func(r *request, b *account.Board, c *account.Column, a gql.Args) (any, error) {
			return c, r.acct().RenameColumn(r.by(), b, c, a.String("column_property"), a.String("value"))
		}),
		// null is what success looks like (seen live)
		"delete_column": onColumn(func(r *request, b *account.Board, c *account.Column, _ gql.Args) (any, error) {
			return nil, r.acct().DeleteColumn(r.by(), b, c)
		}),
	}
}

func createColumn(r *request, b *account.Board, a gql.Args, typ string, settings map[string]any) (any, error) {
	return r.acct().CreateColumn(r.by(), b, account.NewColumn{
		ID: a.String("id"), Title: a.String("title"), Description: a.String("description"), Type: typ,
		After: a.String("after_column_id"), Settings: settings,
	})
}

func onColumn(f func(r *request, b *account.Board, c *account.Column, a gql.Args) (any, error)) field {
	return onBoard(func(r *request, b *account.Board, a gql.Args) (any, error) {
		c := b.Column(a.String("column_id"))
		if c == nil || c.Hidden {
			return nil, account.NoColumn(a.String("column_id"))
		}
		return f(r, b, c, a)
	})
}

// updateColumn takes settings as a real object only: a JSON text is refused (seen live).
func updateColumn(typ string) func(r *request, b *account.Board, a gql.Args) (any, error) {
	return func(r *request, b *account.Board, a gql.Args) (any, error) {
		c := b.Column(a.String("id"))
		if c == nil || c.Hidden {
			return nil, account.NoColumn(a.String("id"))
		}
		ch := account.ColumnChange{Type: typ}
		if typ == "" {
			ch.Type = a.String("column_type")
		}
		if a.Given("title") {
			s := a.String("title")
			ch.Title = &s
		}
		if a.Given("description") {
			s := a.String("description")
			ch.Description = &s
		}
		if a.Given("width") {
			n := a.Int("width")
			ch.Width = &n
		}
		if len(a.Map("capabilities")) > 0 {
			return nil, account.InvalidArgument("column capabilities are not served by this emulator")
		}
		if a.Given("settings") {
			m, ok := a["settings"].(map[string]any)
			if !ok {
				return nil, account.InvalidArgument("settings must be object")
			}
			ch.Settings = maps.Clone(m)
		}
		return c, r.acct().UpdateColumn(r.by(), b, c, a.String("revision"), ch)
	}
}
