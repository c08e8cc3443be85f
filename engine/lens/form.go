package lens

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"

	"accord/engine/record"
)

// written is a text in the one way of writing it that a form asks for; ok is false for a text that is none of its kind.
// What is written so stays as it is.
func written(f record.Form, text string) (_ string, ok bool) {
	if f == record.AnyForm {
		return text, true
	}
	switch text = strings.TrimSpace(text); {
	case text == "":
		return text, true
	case f == record.AddressForm:
		return writtenAddress(text)
	case f == record.PhoneForm:
		number := phoneMarks.Replace(text)
		return number, phoneNumber.MatchString(number)
	case f == record.EmailForm:
		a, err := mail.ParseAddress(text)
		return text, err == nil && a.Address == text
	default:
		return text, false
	}
}

var (
	// phoneMarks are what people put between the digits of a number.
	phoneMarks  = strings.NewReplacer(" ", "", "\u00a0", "", "(", "", ")", "", ".", "", "-", "", "/", "")
	phoneNumber = regexp.MustCompile(`^\+?[0-9]{3,31}$`)
	// otherScheme starts an address of another sort than a place in the web; digits after the colon are a port.
	otherScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:([^0-9]|$)`)
)

// writtenAddress gives an address without a scheme the one that browsers gave it at all times.
func writtenAddress(text string) (string, bool) {
	switch {
	case strings.ContainsAny(text, " \t\n\r"):
		return text, false
	case strings.Contains(text, "://"), strings.HasPrefix(text, "mailto:"):
		return text, true
	case otherScheme.MatchString(text):
		return text, false
	}
	return "http://" + text, true
}

// form is the stricter form of the two sides.
func (j *subject) form() record.Form {
	return max(j.shapes[record.Left][0].Form, j.shapes[record.Right][0].Form)
}

// formed is a text by which two ways of writing the same are compared.
func (j *subject) formed(text string) string {
	if same, ok := written(j.form(), text); ok {
		return same
	}
	return text
}

// toForm writes a text as a side wants it. What a side holds already that means the same stays as somebody wrote it there.
func (j *subject) toForm(s record.Side, text string, previous []record.Value) (string, error) {
	if j.form() == record.AnyForm {
		return text, nil
	}
	if previous != nil && previous[0].Kind() == j.shapes[s][0].Kind && j.formed(previous[0].Part(0)) == j.formed(text) {
		return previous[0].Part(0), nil
	}
	f := j.shapes[s][0].Form
	if f == record.AnyForm {
		return text, nil
	}
	out, ok := written(f, text)
	if !ok {
		return "", j.reject(WrongKind, s, text, fmt.Sprintf("is %s, which is not %s, and %s takes nothing else", j.show(text), f, j.native(s, 0)),
			"correct it at "+system(s.Other())+", or map the field to one that takes any text")
	}
	return out, nil
}
