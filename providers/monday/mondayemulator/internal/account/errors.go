package account

import (
	"fmt"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// Codes and texts follow developer.monday.com, "Error handling".

func fail(code, format string, args ...any) *gql.Error {
	return &gql.Error{Message: fmt.Sprintf(format, args...), Code: code, Status: 200}
}

// InvalidArgument refuses an argument's value.
func InvalidArgument(format string, args ...any) *gql.Error {
	return fail("InvalidArgumentException", format, args...)
}

func noBoard(id any) *gql.Error {
	e := fail("InvalidBoardIdException", "The board does not exist. Please check your board ID and try again")
	e.Data = map[string]any{"board_id": id}
	return e
}

func noItem(id any) *gql.Error {
	e := fail("InvalidItemIdException", "Item not found")
	e.Data = map[string]any{"item_id": id}
	return e
}

func noGroup(id string) *gql.Error {
	e := fail("InvalidGroupIdException", "Group not found")
	e.Data = map[string]any{"group_id": id}
	return e
}

func noColumn(id string) *gql.Error {
	e := fail("InvalidColumnIdException", "This column ID doesn't exist for the board")
	e.Data = map[string]any{"column_id": id}
	return e
}

func noUser(id any) *gql.Error {
	e := fail("InvalidUserIdException", "User not found or may not be assigned here")
	e.Data = map[string]any{"user_id": id}
	return e
}

// NotFound says that a resource is missing.
func NotFound(what string, id any) *gql.Error {
	e := fail("ResourceNotFoundException", "%s not found", what)
	e.Data = map[string]any{"resource_type": what, "resource_id": id}
	return e
}

// restricted refuses a write to a column that the user may not edit. The documentation gives no
// error_data for it.
func restricted(c *Column) *gql.Error {
	e := fail("UserUnauthorizedException", "User unauthorized to perform action")
	e.Status = 403
	e.Data = map[string]any{"column_id": c.ID}
	return e
}

const seeDocs = " Please check our API documentation for the correct data structure for this column. " +
	"https://developer.monday.com/api-reference/docs/change-column-values"

// badValue refuses a value for a column (ColumnValueException).
func badValue(c *Column, value any, reason string) *gql.Error {
	e := fail("ColumnValueException", "invalid value - %s."+seeDocs, reason)
	e.Data = map[string]any{
		"column_id": c.ID, "column_name": c.Title, "column_type": c.kind().legacy, "column_value": value,
	}
	return e
}

// notSimple refuses a simple value for a column that takes none (CorrectedValueException).
func notSimple(c *Column, value string) *gql.Error {
	e := fail("CorrectedValueException", "column type %s is not supporting changing the column value with simple column value", c.kind().legacy)
	e.Data = map[string]any{"column_id": c.ID, "column_type": c.kind().legacy, "column_value": value}
	return e
}
