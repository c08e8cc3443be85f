package mondayemulator_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"accord/providers/monday/mondayemulator"
)

// A board, an item written by hand, and a request as any client would send it.
func Example() {
	e, err := mondayemulator.New(mondayemulator.Options{
		Token:      "secret",
		Clock:      func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) },
		Workspaces: []string{"Sales"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	if _, err := e.Execute("", `mutation { create_board(board_name: "Deals", board_kind: public, empty: true) { id } }`, nil); err != nil {
		fmt.Println(err)
		return
	}
	board, _ := e.Board("Deals")
	if _, err := e.CreateItem("", board.ID, "", "Acme renewal", nil); err != nil {
		fmt.Println(err)
		return
	}

	r := httptest.NewRequest(http.MethodPost, "/v2", strings.NewReader(`{"query":"{boards{name items_page{items{name updated_at}}}}"}`))
	r.Header.Set("Authorization", "secret")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	data, _, _ := strings.Cut(string(body), `,"extensions"`)
	fmt.Println(data)
	// Output: {"data":{"boards":[{"name":"Deals","items_page":{"items":[{"name":"Acme renewal","updated_at":"2026-11-23T09:00:00Z"}]}}]}
}
