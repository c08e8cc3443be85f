package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Row is one line: a record without a partner, and at most one record that it resembles.
type Row struct {
	Line        int    // of the file, from 1; 0 for a row that was not read
	Object      string // contract object
	System      string // salesforce | monday
	ID          string // the record
	Values      string // what it is recognised by, for people
	Status      string // held | unmatched
	OtherID     string // the record that it resembles, in the other system
	OtherValues string
	Score       int    // 0 to 100; 0 where it resembles none
	Agrees      string // further fields in which both hold the same
	Decision    string // pair | create | ignore; "" = not decided
	Note        string
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	Line int
	Text string
}

var header = []string{"object", "system", "id", "values", "status", "other_id", "other_values", "score", "agrees", "decision", "note"}

// needed are the columns that are read; the others are for people.
var needed = []string{"object", "system", "id", "other_id", "decision"}

// MaxSize is how large a file may be, in bytes.
const MaxSize = 64 << 20

// Write writes rows as CSV with a header.
func Write(out io.Writer, rows []Row) error {
	w := csv.NewWriter(out)
	if err := w.Write(header); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	for _, r := range rows {
		score := ""
		if r.OtherID != "" {
			score = strconv.Itoa(r.Score)
		}
		cells := []string{r.Object, r.System, r.ID, r.Values, r.Status, r.OtherID, r.OtherValues, score, r.Agrees, r.Decision, r.Note}
		for i := range cells {
			cells[i] = guard(cells[i])
		}
		if err := w.Write(cells); err != nil {
			return fmt.Errorf("write a row: %w", err)
		}
	}
	w.Flush()
	return w.Error()
}

// guard keeps a cell from being taken for a formula: spreadsheets take what begins with one of these for one, and an
// apostrophe before it for text (OWASP, "CSV Injection"). What would read like a guarded cell is guarded as well. CSV has no
// place for a bare carriage return, so line ends become one.
func guard(cell string) string {
	cell = strings.ReplaceAll(strings.ReplaceAll(cell, "\r\n", "\n"), "\r", "\n")
	if risky(cell) {
		return "'" + cell
	}
	return cell
}

func unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && risky(rest) {
		return rest
	}
	return cell
}

func risky(cell string) bool {
	cell = strings.TrimLeft(cell, "'")
	return cell != "" && strings.ContainsRune("=+-@\t\n|%", rune(cell[0]))
}

// Read reads a file that Write wrote and somebody has edited: columns may be in any order, more or fewer for people, and
// separated by commas, semicolons or tabs, as spreadsheets like to save them. An error is about the file as a whole.
func Read(in io.Reader) ([]Row, []Problem, error) {
	text, err := io.ReadAll(io.LimitReader(in, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the file: %w", err)
	}
	if len(text) > MaxSize {
		return nil, nil, fmt.Errorf("the file is larger than %d MB: split it by object", MaxSize>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		return nil, nil, fmt.Errorf("line %d is not UTF-8: save the file as CSV with UTF-8", 1+bytes.Count(text[:invalid(text)], []byte("\n")))
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator(text), -1
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the file is empty: its first line must name the columns")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the header: %w", err)
	}
	at, err := places(names)
	if err != nil {
		return nil, nil, err
	}
	return rows(r, at)
}

func rows(r *csv.Reader, at map[string]int) (list []Row, problems []Problem, err error) {
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, problems, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the file: %w", err) // it names the line
		}
		line, _ := r.FieldPos(0)
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(cells) {
				return strings.TrimSpace(unguard(cells[i]))
			}
			return ""
		}
		row := Row{Line: line, Object: cell("object"), System: cell("system"), ID: cell("id"), Values: cell("values"), Status: cell("status"),
			OtherID: cell("other_id"), OtherValues: cell("other_values"), Agrees: cell("agrees"), Decision: strings.ToLower(cell("decision")), Note: cell("note")}
		row.Score, _ = strconv.Atoi(cell("score")) // for people only
		if strings.Join(cells, "") == "" {
			continue
		}
		for _, name := range needed[:3] {
			if cell(name) == "" {
				problems = append(problems, Problem{line, "column " + name + " is empty"})
			}
		}
		list = append(list, row)
	}
}

// places finds the columns by name.
func places(names []string) (map[string]int, error) {
	at := map[string]int{}
	for i, n := range names {
		n = strings.ToLower(strings.TrimSpace(unguard(n)))
		if _, twice := at[n]; twice && slices.Contains(needed, n) {
			return nil, fmt.Errorf("line 1 names column %q twice", n)
		}
		at[n] = i
	}
	for _, n := range needed {
		if _, ok := at[n]; !ok {
			return nil, fmt.Errorf("line 1 names no column %q: is this a file of `accord matches export`?", n)
		}
	}
	return at, nil
}

// separator is what the header is separated by.
func separator(text []byte) rune {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', bytes.Count(first, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// invalid is where a text stops being UTF-8.
func invalid(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(text)
}
