package mondayemulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Admin serves the controls of the emulator, to be mounted under a prefix that the caller strips:
//
//	GET  /counters        POST /counters/reset
//	GET  /faults          POST /faults (a Fault)         DELETE /faults
//	GET  /clock           POST /clock {"advance":"61m"}
//	GET  /state           what Save would write
//	POST /graphql         {"user":"<address>","query":...,"variables":...}: done by a person, not by the API
//	POST /search-lag      {"lag":"3s"}
//	POST /hide-column     {"board_id":..,"column_id":"..","hidden":true}
//	POST /restrict-column, /require-column   the same with "on" for "hidden"
//	POST /deactivate-label {"board_id":..,"column_id":"..","label_id":..}
//	POST /item-state      {"user":"<address>","item_id":..,"state":"active"}: archived, deleted or put back by a person
//	POST /expire-cursors
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) { e.reply(w, e.Counters(), nil) })
	mux.HandleFunc("POST /counters/reset", func(w http.ResponseWriter, _ *http.Request) {
		e.ResetCounters()
		e.reply(w, e.Counters(), nil)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { e.reply(w, e.Faults(), nil) })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		e.ClearFaults()
		e.reply(w, e.Faults(), nil)
	})
	mux.HandleFunc("POST /faults", admin(e, func(f Fault) (any, error) {
		_, err := e.AddFault(f)
		return e.Faults(), err
	}))
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) { e.reply(w, e.clock(), nil) })
	mux.HandleFunc("POST /clock", admin(e, func(in struct{ Advance string }) (any, error) {
		d, err := time.ParseDuration(in.Advance)
		if err == nil {
			e.Advance(d)
		}
		return e.clock(), err
	}))
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		raw, err := e.State()
		e.reply(w, json.RawMessage(raw), err)
	})
	mux.HandleFunc("POST /graphql", admin(e, func(in struct {
		User      string
		Query     string
		Variables map[string]any
	}) (any, error) {
		return e.Execute(in.User, in.Query, in.Variables)
	}))
	mux.HandleFunc("POST /search-lag", admin(e, func(in struct{ Lag string }) (any, error) {
		d, err := time.ParseDuration(in.Lag)
		if err == nil {
			e.SetSearchLag(d)
		}
		return in, err
	}))
	mux.HandleFunc("POST /hide-column", admin(e, func(in struct {
		BoardID  json.Number `json:"board_id"`
		ColumnID string      `json:"column_id"`
		Hidden   bool        `json:"hidden"`
	}) (any, error) {
		return in, e.HideColumn(number(in.BoardID), in.ColumnID, in.Hidden)
	}))
	for path, f := range map[string]func(int64, string, bool) error{"/restrict-column": e.RestrictColumn, "/require-column": e.RequireColumn} {
		mux.HandleFunc("POST "+path, admin(e, func(in struct {
			BoardID  json.Number `json:"board_id"`
			ColumnID string      `json:"column_id"`
			On       bool        `json:"on"`
		}) (any, error) {
			return in, f(number(in.BoardID), in.ColumnID, in.On)
		}))
	}
	mux.HandleFunc("POST /item-state", admin(e, func(in struct {
		User   string
		ItemID json.Number `json:"item_id"`
		State  string
	}) (any, error) {
		return in, e.SetItemState(in.User, number(in.ItemID), in.State)
	}))
	mux.HandleFunc("POST /deactivate-label", admin(e, func(in struct {
		BoardID  json.Number `json:"board_id"`
		ColumnID string      `json:"column_id"`
		LabelID  int         `json:"label_id"`
	}) (any, error) {
		return in, e.DeactivateLabel(number(in.BoardID), in.ColumnID, in.LabelID)
	}))
	mux.HandleFunc("POST /expire-cursors", func(w http.ResponseWriter, _ *http.Request) {
		e.ExpireCursors()
		e.reply(w, map[string]bool{"expired": true}, nil)
	})
	return mux
}

func number(n json.Number) int64 {
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return -1
	}
	return v
}

func (e *Emulator) clock() map[string]string {
	return map[string]string{"now": e.now().UTC().Format(time.RFC3339Nano)}
}

// admin makes a handler that reads a JSON body into T.
func admin[T any](e *Emulator, f func(in T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			e.reply(w, nil, err)
			return
		}
		out, err := f(in)
		e.reply(w, out, err)
	}
}

func (e *Emulator) reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"error": err.Error()}
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		e.log.Debug("answer was not taken", "error", err)
	}
}
