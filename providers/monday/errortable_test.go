package monday

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"accord/engine/provider"
	"accord/providers/monday/mondayemulator"
)

const (
	tableRead  = `query { complexity { query } me { id } }`
	tableWrite = `mutation { complexity { query } create_board(board_name: "x", board_kind: public) { id } }`
)

// documentedErrors are the errors that the vendor documents ("Error handling", "Rate limits", "Idempotency", "Importing
// items in bulk"), and those of networks, each as the emulator plays it.
func documentedErrors() []mondayemulator.Fault {
	refused := func(code string, http, status, retry int, message string) mondayemulator.Fault {
		return mondayemulator.Fault{Kind: mondayemulator.Refused, Code: code, HTTP: http, Status: status, RetryIn: retry, Message: message}
	}
	list := []mondayemulator.Fault{
		refused("ComplexityException", 429, 429, 30, "Complexity budget exhausted, query cost 30001 budget remaining 19986 out of 1000000 reset in 17 seconds"),
		refused("", 429, 0, 0, "Complexity budget exhausted, query cost 30001 budget remaining 19986 out of 1000000 reset in 17 seconds"),
		refused("RATE_LIMIT_EXCEEDED", 429, 429, 0, "Rate limit exceeded"),
		refused("IDEMPOTENCY_CONFLICT", 409, 409, 2, "A request with this idempotency key is being processed"),
		refused("", 423, 0, 0, "Resource is currently locked, please try again later"),
		refused("INTERNAL_SERVER_ERROR", 0, 500, 0, "Internal server error"),
		refused("DATA_VALIDATIONS_ERROR", 0, 422, 0, "data_validation_error"),
		refused("UserUnauthorizedException", 0, 403, 0, "User unauthorized to perform action"),
		refused("", 401, 0, 0, "Your ip is restricted"),
		refused("ResourceNotFoundException", 404, 404, 0, "The resource was not found"),
		refused("RecordInvalidException", 422, 422, 0, "Board subscribers limit exceeded"),
		refused("DeleteLastGroupException", 409, 409, 0, "Cannot delete the last group"),
		refused("JsonParseException", 400, 400, 0, "Invalid JSON in request body"),
		refused("Bad request", 400, 400, 0, "Bad request"),
		refused("USER_ACCESS_DENIED", 403, 403, 0, "User access denied"),
		refused("USER_UNAUTHORIZED", 403, 403, 0, "User unauthorized"),
		refused("NOT_AUTHENTICATED", 401, 0, 0, "Not authenticated"),
		refused("CursorException", 0, 0, 0, "CursorExpiredError: The cursor provided for pagination has expired"),
		refused("SomethingNew", 0, 0, 0, "a code that nobody has seen yet"),
		refused("SomethingNew", 418, 0, 0, "a code and a status that nobody has seen yet"),
	}
	for _, code := range []string{
		"ColumnValueException", "CorrectedValueException", "InvalidColumnIdException", "InvalidBoardIdException", "InvalidUserIdException",
		"InvalidItemIdException", "InvalidGroupIdException", "ResourceNotFoundException", "InvalidArgumentException", "ItemsLimitationException",
		"ItemNameTooLongException", "CreateBoardException", "missingRequiredPermissions", "UNAUTHORIZED_FIELD_OR_TYPE",
		"GRAPHQL_VALIDATION_FAILED", "undefinedField", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "INVALID_ARGUMENT", "ASSET_UNAVAILABLE",
		"InvalidVersionException",
	} {
		list = append(list, refused(code, 0, 0, 0, "refused"))
	}
	for _, kind := range []mondayemulator.FaultKind{
		mondayemulator.RateMinute, mondayemulator.RateConcurrency, mondayemulator.RateComplexity, mondayemulator.RateIP, mondayemulator.RateField,
		mondayemulator.RateDaily, mondayemulator.Locked, mondayemulator.Blocked, mondayemulator.Error500Before, mondayemulator.Error500After,
		mondayemulator.Error502, mondayemulator.Error503, mondayemulator.TimeoutBefore, mondayemulator.TimeoutAfter, mondayemulator.TimeoutMidway,
		mondayemulator.Truncated,
	} {
		list = append(list, mondayemulator.Fault{Kind: kind, DelayMS: 1})
	}
	return list
}

// TestErrorTable provokes every documented error once while reading and once while writing. The golden file is what the
// provider makes of each, for people to read.
func TestErrorTable(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %-4s  %-15s %-15s %-28s %s\n", "the vendor answers", "HTTP", "while reading", "while writing", "code", "retry after")
	noon := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	for _, f := range documentedErrors() {
		var got [2]*provider.Error
		for i, r := range []request{{what: "read", operation: "me", document: tableRead}, {what: "write", operation: "create_board", document: tableWrite, write: true}} {
			s := newStage(t, mondayemulator.Options{Clock: noon}, func(c *Config) { c.Clock = noon })
			if _, err := s.emulator.AddFault(f); err != nil {
				t.Fatal(err)
			}
			_, err := s.provider.client.attempt(t.Context(), r)
			if !errors.As(err, &got[i]) {
				t.Fatalf("%s %s: %v is no error of the port", f.Kind, f.Code, err)
			}
			if got[i].Op != r.what || got[i].Error() == "" {
				t.Errorf("%s %s: the error does not say what was being done: %v", f.Kind, f.Code, got[i])
			}
		}
		name, status := string(f.Kind), "-"
		if f.Kind == mondayemulator.Refused {
			name, status = f.Code, strconv.Itoa(max(f.HTTP, 200))
			if name == "" {
				name = `"` + strings.SplitN(f.Message, ",", 2)[0] + `"`
			}
			if len(name) > 34 {
				name = name[:33] + "…"
			}
		}
		retry := ""
		if d := got[1].RetryAfter; d > 0 {
			retry = d.String()
		}
		fmt.Fprintf(&b, "%-34s %-4s  %-15s %-15s %-28s %s\n", name, status, got[0].Kind, got[1].Kind, got[1].Code, retry)
	}
	t.Log("\n" + b.String())
	golden(t, "errors.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(trimLines(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), trimLines(got)); diff != "" {
		t.Errorf("%s (UPDATE_GOLDEN=1 rewrites it):\n%s", path, diff)
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// TestRefusalsOfRealRequests breaks the vendor's rules for real: the emulator refuses as it is documented, without a
// fault that says so.
func TestRefusalsOfRealRequests(t *testing.T) {
	s := newStage(t, mondayemulator.Options{}, nil)
	s.apply()
	board := s.board("Deals")
	item, err := s.emulator.CreateItem("", board, "", "n", nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(id int64, values string) string {
		return fmt.Sprintf(`mutation { x: change_multiple_column_values(board_id: %d, item_id: %d, column_values: %s) { id } }`, board, id, strconv.Quote(values))
	}
	for _, c := range []struct {
		document, code string
		kind           provider.Kind
	}{
		{change(item, `{"my_status":{"label":"No such label"}}`), "ColumnValueException", provider.Invalid},
		{change(item, `{"nothing":"x"}`), "InvalidColumnIdException", provider.Invalid},
		{change(1, `{"my_text":"x"}`), "", provider.NotFound},
		{change(item, `{`), "JsonParseException", provider.Invalid},
		{change(item, `{"my_people":{"personsAndTeams":[{"id":999,"kind":"person"}]}}`), "InvalidUserIdException", provider.Invalid},
		{fmt.Sprintf(`mutation { x: change_simple_column_value(board_id: %d, item_id: %d, column_id: "my_timeline", value: "x") { id } }`, board, item), "CorrectedValueException", provider.Invalid},
		{fmt.Sprintf(`mutation { x: create_item(board_id: %d, item_name: "n", group_id: "nowhere") { id } }`, board), "InvalidGroupIdException", provider.Invalid},
		{`mutation { x: create_item(board_id: 1, item_name: "n") { id } }`, "InvalidBoardIdException", provider.Hidden},
		{fmt.Sprintf(`mutation { x: create_item(board_id: %d, item_name: %q) { id } }`, board, strings.Repeat("n", 256)), "ItemNameTooLongException", provider.Invalid},
		{`{ x: me { shoe_size } }`, "undefinedField", provider.Invalid},
		{`{ x: me {`, "GRAPHQL_PARSE_FAILED", provider.Invalid},
		{`query ($n: Int!) { x: boards(limit: $n) { id } }`, "BAD_USER_INPUT", provider.Invalid},
		{fmt.Sprintf(`{ x: boards(ids: [%d]) { items_page(limit: 501) { cursor } } }`, board), "InvalidArgumentException", provider.Invalid},
		{`{ x: next_items_page(cursor: "of yesterday") { cursor } }`, "CursorException", provider.Stale},
	} {
		a, err := s.raw(request{what: "try", operation: "x", document: c.document, write: strings.HasPrefix(c.document, "mutation")})
		if err == nil {
			err = a.part("x")
		}
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != c.kind || c.code != "" && e.Code != c.code {
			t.Errorf("%s:\ngot %v, want %s of kind %s", c.document, err, c.code, c.kind)
		}
	}
	if err := s.emulator.RestrictColumn(board, "my_text", true); err != nil {
		t.Fatal(err)
	}
	a, err := s.raw(request{what: "try", operation: "x", document: change(item, `{"my_text":"x"}`), write: true})
	if err == nil {
		err = a.part("x")
	}
	if provider.KindOf(err) != provider.Denied {
		t.Errorf("a restricted column: %v", err)
	}
}

// raw sends a document past the check against the official schema: some of these are wrong on purpose.
func (s *stage) raw(r request) (*answer, error) {
	c := s.provider.client
	checked := c.http
	c.http = http.DefaultClient
	defer func() { c.http = checked }()
	return c.attempt(s.t.Context(), r)
}
