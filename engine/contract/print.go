package contract

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
)

// The escape sequences of a coloured message. Colour only repeats what the words say.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	plain  = "\x1b[0m"
)

// WriteDiagnostics prints diagnostics for people: code and summary, the source line with the mistake underlined, the
// remedy wrapped to width (0 = as long as it comes), and how to read more. What comes from the contract is shown with
// its control characters replaced, so that a file can't write to the terminal.
func WriteDiagnostics(w io.Writer, src Source, diags hcl.Diagnostics, width int, color bool) error {
	p := printer{files: src.Parsed(), width: width, color: color}
	if p.width <= 0 {
		p.width = 1 << 20
	}
	p.width = max(p.width, 40)
	for i, d := range diags {
		if i > 0 {
			p.out.WriteByte('\n')
		}
		p.diagnostic(d)
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("print diagnostics: %w", err)
	}
	return nil
}

type printer struct {
	out   bytes.Buffer
	files map[string]*hcl.File
	width int
	color bool
}

func (p *printer) paint(style, text string) string {
	if !p.color {
		return text
	}
	return style + text + plain
}

func (p *printer) diagnostic(d *hcl.Diagnostic) {
	style, word := red, "Error"
	if d.Severity == hcl.DiagWarning {
		style, word = yellow, "Warning"
	}
	code := CodeOf(d)
	if code != "" {
		word += " " + code
	}
	fmt.Fprintf(&p.out, "%s %s\n\n", p.paint(style, word+":"), p.paint(bold, visible(d.Summary)))
	if d.Subject != nil {
		p.snippet(*d.Subject, style)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(d.Detail), "\n") {
		for _, l := range wrap(visible(line), p.width-2) {
			p.out.WriteString(strings.TrimRight("  "+l, " ") + "\n")
		}
	}
	if code != "" {
		p.out.WriteString("  " + p.paint(faint, "accord explain "+code) + "\n")
	}
}

// snippet prints where the mistake is: file, line, the block around it, the line itself, and a row of carets.
func (p *printer) snippet(at hcl.Range, style string) {
	file := p.files[at.Filename]
	inside := ""
	if file != nil && file.Nav != nil {
		if s := hcled.ContextString(file, at.Start.Byte); s != "" {
			inside = ", in " + s
		}
	}
	fmt.Fprintf(&p.out, "  on %s line %d%s:\n", visible(at.Filename), at.Start.Line, visible(inside))
	if file == nil || at.Start.Byte > len(file.Bytes) || at.Start.Byte < 0 {
		return
	}
	content := file.Bytes
	from := bytes.LastIndexByte(content[:at.Start.Byte], '\n') + 1
	to := len(content)
	if i := bytes.IndexByte(content[at.Start.Byte:], '\n'); i >= 0 {
		to = at.Start.Byte + i
	}
	end := min(max(at.End.Byte, at.Start.Byte), to)
	number := fmt.Sprintf("  %d: ", at.Start.Line)
	before, marked, after := window(string(content[from:at.Start.Byte]), string(content[at.Start.Byte:end]), string(content[end:to]), p.width-len(number))
	if strings.TrimSpace(before+marked+after) == "" {
		return
	}
	p.out.WriteString(number + before + p.paint(bold, marked) + strings.TrimRight(after, " ") + "\n")
	carets := strings.Repeat(" ", len(number)+cells(before)) + p.paint(style, strings.Repeat("^", max(cells(marked), 1)))
	p.out.WriteString(carets + "\n")
}

// window cuts a long line around what is marked.
func window(before, marked, after string, width int) (string, string, string) {
	before, marked, after = visible(cut(before, -4*width)), visible(cut(marked, 4*width)), visible(cut(after, 4*width))
	if cells(before)+cells(marked)+cells(after) <= width {
		return before, marked, after
	}
	if cells(marked) > width*2/3 {
		marked = clipCells(marked, width*2/3) + "…"
		after = ""
	}
	room := max(width-cells(marked), 0)
	lead := room - min(cells(after), room/3) // what follows the mark explains less than what leads to it
	if cells(before) > lead {
		r := []rune(before)
		for len(r) > 0 && cells(string(r)) >= lead {
			r = r[1:]
		}
		before = "…" + string(r)
	}
	if rest := max(room-cells(before), 0); cells(after) > rest {
		after = clipCells(after, max(rest-1, 0)) + "…"
	}
	return before, marked, after
}

// cut keeps at most n bytes from the start, or from the end when n is negative, at rune boundaries: a line may have
// megabytes.
func cut(s string, n int) string {
	switch {
	case n >= 0 && len(s) > n:
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		return s[:n]
	case n < 0 && len(s) > -n:
		i := len(s) + n
		for i < len(s) && !utf8.RuneStart(s[i]) {
			i++
		}
		return s[i:]
	default:
		return s
	}
}

func clipCells(s string, width int) string {
	used := 0
	for i, r := range s {
		if used += cellsOf(r); used > width {
			return s[:i]
		}
	}
	return s
}

// visible replaces what a terminal would obey rather than show: control characters, and marks that change the
// direction of text. A tab becomes two spaces.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError || unicode.Is(unicode.Cc, r) && r != '\t', unicode.Is(unicode.Bidi_Control, r), r == '\u2028' || r == '\u2029':
			return '·'
		default:
			return r
		}
	}, strings.ReplaceAll(strings.TrimRight(s, "\r"), "\t", "  "))
}

// cells is how many columns a text takes on a terminal, near enough to put carets under it.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul),
		r >= 0x1f300 && r <= 0x1faff, r >= 0xff01 && r <= 0xff60:
		return 2
	default:
		return 1
	}
}

// wrap breaks a line at spaces; words that are too long stay whole, and indented lines as they are.
func wrap(line string, width int) []string {
	if cells(line) <= width || strings.HasPrefix(line, " ") {
		return []string{line}
	}
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(line) {
		switch {
		case current == "":
			current = word
		case cells(current)+1+cells(word) > width:
			lines = append(lines, current)
			current = word
		default:
			current += " " + word
		}
	}
	return append(lines, current)
}
