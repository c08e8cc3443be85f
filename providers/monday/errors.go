package monday

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"accord/engine/provider"
)

// codeConflict says that the first request under this idempotency key is still at work.
const codeConflict = "IDEMPOTENCY_CONFLICT"

// codeTooDear stands in for the vendor's code where a single document costs more than all of a minute's points: waiting
// changes nothing, a smaller document does.
const codeTooDear = "COMPLEXITY_OF_ONE_QUERY"

// wireError is one error of an answer.
type wireError struct {
	Message    string         `json:"message"`
	Path       path           `json:"path"`
	Extensions wireExtensions `json:"extensions"`
}

// path names the part of the document; positions in lists are left as text.
type path []string

// UnmarshalJSON reads names and numbers.
func (p *path) UnmarshalJSON(data []byte) error {
	var parts []any
	if err := json.Unmarshal(data, &parts); err != nil {
		return nil // a path in another shape tells nothing, and the error must not be lost for it
	}
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			*p = append(*p, part)
		case float64:
			*p = append(*p, strconv.FormatFloat(part, 'f', -1, 64))
		}
	}
	return nil
}

type wireExtensions struct {
	Code      string          `json:"code"`
	Status    json.RawMessage `json:"status_code"`
	Data      json.RawMessage `json:"error_data"`
	Retry     float64         `json:"retry_in_seconds"`
	RetryMS   float64         `json:"retryAfterMs"`
	RequestID string          `json:"request_id"`
	Price     float64         `json:"complexity"`
	Budget    float64         `json:"complexity_budget_limit"`
}

// faults are the errors of an answer in whichever format it has.
func (w *wireAnswer) faults() []wireError {
	var list []wireError
	if len(w.Errors) > 0 && json.Unmarshal(w.Errors, &list) != nil {
		list = nil
		var texts []string
		if json.Unmarshal(w.Errors, &texts) == nil {
			for _, t := range texts {
				list = append(list, wireError{Message: t})
			}
		}
	}
	if w.ErrorCode != "" || w.ErrorMessage != "" {
		legacy := wireError{Message: w.ErrorMessage, Extensions: wireExtensions{Code: w.ErrorCode, Data: w.ErrorData}}
		if w.StatusCode != 0 {
			legacy.Extensions.Status = json.RawMessage(strconv.Itoa(w.StatusCode))
		}
		list = []wireError{legacy}
	}
	for i := range list {
		if list[i].Extensions.Retry == 0 {
			list[i].Extensions.Retry = w.Extensions.Retry
		}
	}
	return list
}

// failure is the error of an answer that holds no data: of the first fault, and of the HTTP status where that says more.
func (c *client) failure(r request, resp *http.Response, faults []wireError, w wireAnswer) error {
	first := wireError{Message: http.StatusText(resp.StatusCode)}
	if len(faults) > 0 {
		first = faults[0]
	}
	requestID := resp.Header.Get("x-request-id")
	if requestID == "" {
		requestID = w.Extensions.RequestID
	}
	e := first.typedStatus(r, requestID, resp.StatusCode)
	if s, err := strconv.ParseFloat(resp.Header.Get("Retry-After"), 64); err == nil && s > 0 {
		e.RetryAfter = seconds(s)
	} else if at, err := http.ParseTime(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = max(at.Sub(c.clock()), 0)
	}
	if e.RetryAfter == 0 && e.Code == "API_TEMPORARILY_BLOCKED" {
		e.RetryAfter = time.Minute // an outage: the vendor asks for patience without saying how much
	}
	switch e.Kind {
	case provider.Exhausted:
		now := c.clock().UTC()
		if e.RetryAfter == 0 {
			// Daily calls come back at midnight UTC (Rate limits).
			e.RetryAfter = now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
		}
		c.governor.Observe(dailyCalls, 0, 0, now.Add(e.RetryAfter))
	case provider.Throttled:
		// The limit of imports an hour says nothing of other calls.
		if e.RetryAfter > 0 && r.operation != "ingest_items" {
			c.governor.Pause(c.clock().Add(e.RetryAfter))
		}
	}
	return e
}

// typed is the error of a part of an answer with status 200.
func (w *wireError) typed(r request, requestID string) *provider.Error {
	return w.typedStatus(r, requestID, http.StatusOK)
}

func (w *wireError) typedStatus(r request, requestID string, status int) *provider.Error {
	if s, err := strconv.Atoi(strings.Trim(string(w.Extensions.Status), `"`)); err == nil && status == http.StatusOK && s > 0 {
		status = s
	}
	e := &provider.Error{
		Op: r.what, Code: w.Extensions.Code, Message: w.Message, RequestID: requestID,
		Kind: kindOf(w.Extensions.Code, w.Message, status, r.write), Fields: w.columns(), RetryAfter: w.retryAfter(),
	}
	if e.Kind == provider.Throttled && w.Extensions.Budget > 0 && w.Extensions.Price > w.Extensions.Budget {
		e.Code, e.RetryAfter = codeTooDear, 0
	}
	if e.Code == "" && status != http.StatusOK {
		e.Code = strconv.Itoa(status)
	}
	if detail := w.details(); detail != "" {
		e.Message += ": " + detail
	}
	return e
}

// kindOf maps the vendor's codes (Error handling, Rate limits, Idempotency) and, where there is none that we know, the
// status.
func kindOf(code, message string, status int, write bool) provider.Kind {
	text := strings.ToLower(message)
	switch code {
	case "COMPLEXITY_BUDGET_EXHAUSTED", "ComplexityException", "maxConcurrencyExceeded", "IP_RATE_LIMIT_EXCEEDED",
		"FIELD_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", "Rate Limit Exceeded", "API_TEMPORARILY_BLOCKED":
		return provider.Throttled
	case "DAILY_LIMIT_EXCEEDED":
		return provider.Exhausted
	case codeConflict:
		return provider.Transient
	case "InvalidItemIdException", "ResourceNotFoundException":
		return provider.NotFound
	case "InvalidBoardIdException":
		return provider.Hidden
	case "UserUnauthorizedException", "USER_ACCESS_DENIED", "USER_UNAUTHORIZED", "missingRequiredPermissions", "UNAUTHORIZED_FIELD_OR_TYPE":
		return provider.Denied
	case "NOT_AUTHENTICATED":
		return provider.Unauthorized
	case "CursorException":
		return provider.Stale
	case "ColumnValueException", "CorrectedValueException", "InvalidColumnIdException", "InvalidUserIdException",
		"InvalidGroupIdException", "InvalidArgumentException", "ItemsLimitationException", "ItemNameTooLongException",
		"DATA_VALIDATIONS_ERROR", "RecordInvalidException", "GRAPHQL_VALIDATION_FAILED", "undefinedField", "BAD_USER_INPUT",
		"GRAPHQL_PARSE_FAILED", "JsonParseException", "InvalidVersionException", "CreateBoardException", "DeleteLastGroupException":
		return provider.Invalid
	}
	lower := strings.ToLower(code)
	switch {
	case strings.Contains(text, "currently locked"):
		return provider.Locked
	case strings.Contains(lower, "revision"), strings.Contains(text, "revision"):
		return provider.Stale
	case strings.HasPrefix(text, "complexity budget exhausted"), strings.Contains(text, "limit rate exceeded"):
		return provider.Throttled
	case lower == "internal_server_error", lower == "internal server error", text == "internal server error":
		status = http.StatusInternalServerError
	}
	return kindOfStatus(status, write)
}

func kindOfStatus(status int, write bool) provider.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return provider.Unauthorized
	case status == http.StatusForbidden:
		return provider.Denied
	case status == http.StatusNotFound:
		return provider.NotFound
	case status == http.StatusConflict:
		return provider.Stale
	case status == http.StatusLocked:
		return provider.Locked
	case status == http.StatusTooManyRequests:
		return provider.Throttled
	case status >= 500 && write:
		// Nothing says whether the document ran before the server gave up.
		return provider.Unknown
	case status >= 500:
		return provider.Transient
	default:
		return provider.Invalid
	}
}

var resetIn = regexp.MustCompile(`(?i)\bre(?:set|try) in (\d+) seconds?`)

// retryAfter reads the hint from wherever this error carries it.
func (w *wireError) retryAfter() time.Duration {
	var data struct {
		Retry float64 `json:"retry_in_seconds"`
	}
	_ = json.Unmarshal(w.Extensions.Data, &data) // an array or text carries no hint
	switch {
	case w.Extensions.Retry > 0:
		return seconds(w.Extensions.Retry)
	case w.Extensions.RetryMS > 0:
		return seconds(w.Extensions.RetryMS / 1000)
	case data.Retry > 0:
		return seconds(data.Retry)
	}
	if m := resetIn.FindStringSubmatch(w.Message); m != nil {
		if s, err := strconv.ParseFloat(m[1], 64); err == nil {
			return seconds(s)
		}
	}
	return 0
}

// seconds bounds a hint to a day: no limit of the vendor lasts longer.
func seconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), 86_400) * float64(time.Second))
}

type faultData struct {
	ColumnID  string   `json:"column_id"`
	ColumnIDs []string `json:"columnIds"`
	Type      string   `json:"column_type"`
	Message   string   `json:"message"`
	Reason    string   `json:"failure_reason"`
}

// data is error_data, which is an object, or for DATA_VALIDATIONS_ERROR a list.
func (w *wireError) data() []faultData {
	var list []faultData
	if json.Unmarshal(w.Extensions.Data, &list) == nil {
		return list
	}
	var one faultData
	if json.Unmarshal(w.Extensions.Data, &one) == nil {
		return []faultData{one}
	}
	return nil
}

func (w *wireError) columns() []string {
	var names []string
	for _, d := range w.data() {
		names = append(names, d.ColumnIDs...)
		names = append(names, d.ColumnID)
	}
	return unique(names)
}

func (w *wireError) details() string {
	var texts []string
	for _, d := range w.data() {
		for _, t := range []string{d.Message, d.Reason} {
			if t != "" {
				texts = append(texts, t)
			}
		}
	}
	return strings.Join(texts, "; ")
}

// clip shortens text that is shown to people, at a whole character.
func clip(s string) string {
	limit := 200
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "�")
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.ToValidUTF8(s[:limit], "�") + "…"
}
