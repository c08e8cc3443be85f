package account

import (
	"net/mail"
	"regexp"
	"strings"

	"accord/providers/monday/mondayemulator/internal/gql"
)

// pair splits a simple value "thing Text of it" in two.
func pair(s string) (string, string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	return first, strings.TrimSpace(rest)
}

func (w *write) link(url, text string, value any) (any, error) {
	if url == "" && text == "" {
		return nil, nil
	}
	if !strings.Contains(url, "://") && !strings.HasPrefix(url, "mailto:") || strings.ContainsAny(url, " \n\t") {
		return nil, badValue(w.col, value, "url must start with a scheme such as https://")
	}
	if text == "" {
		text = url
	}
	return Link{url, text}, nil
}

var linkKind = &kind{
	legacy: "link", class: "LinkValue", timed: true, decode: decodeAs[Link],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with a url and a text is expected")
		}
		return w.link(gql.Text(m["url"]), gql.Text(m["text"]), v)
	},
	simple: func(w *write, s string) (any, error) {
		url, text := pair(s)
		return w.link(url, text, s)
	},
	text: shown("", func(l Link) string {
		if l.Text == l.URL {
			return l.URL
		}
		return l.Text + " - " + l.URL
	}),
	raw: rawOf(func(l Link) any { return map[string]any{"url": l.URL, "text": l.Text} }),
}

func (w *write) email(address, text string, value any) (any, error) {
	if address == "" && text == "" {
		return nil, nil
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		return nil, badValue(w.col, value, "email is not an address")
	}
	if text == "" {
		text = address
	}
	return Email{address, text}, nil
}

var emailKind = &kind{
	legacy: "email", class: "EmailValue", timed: true, decode: decodeAs[Email],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with an email and a text is expected")
		}
		return w.email(gql.Text(m["email"]), gql.Text(m["text"]), v)
	},
	simple: func(w *write, s string) (any, error) {
		address, text := pair(s)
		return w.email(address, text, s)
	},
	text: shown("", func(e Email) string { return e.Email }),
	raw:  rawOf(func(e Email) any { return map[string]any{"email": e.Email, "text": e.Text} }),
}

var dialled = regexp.MustCompile(`^\+?[0-9][0-9 ().-]{2,30}$`)

func (w *write) phone(number, country string, value any) (any, error) {
	if number == "" {
		return nil, nil
	}
	if !dialled.MatchString(number) {
		return nil, badValue(w.col, value, "phone is not a number")
	}
	country = strings.ToUpper(country)
	if country != "" && countries[country] == "" {
		return nil, badValue(w.col, value, "countryShortName is not a country")
	}
	if country == "" && strings.HasPrefix(number, "+1") {
		country = "US" // the vendor guesses from the number
	}
	return Phone{number, country}, nil
}

var phoneKind = &kind{
	legacy: "phone", class: "PhoneValue", timed: true, decode: decodeAs[Phone],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with a phone and a countryShortName is expected")
		}
		return w.phone(gql.Text(m["phone"]), gql.Text(m["countryShortName"]), v)
	},
	simple: func(w *write, s string) (any, error) {
		s = strings.TrimSpace(s)
		if i := strings.LastIndexByte(s, ' '); i > 0 && len(s)-i == 3 && countries[strings.ToUpper(s[i+1:])] != "" {
			return w.phone(strings.TrimSpace(s[:i]), s[i+1:], s)
		}
		return w.phone(s, "", s)
	},
	text: shown("", func(p Phone) string { return p.Phone }),
	raw:  rawOf(func(p Phone) any { return map[string]any{"phone": p.Phone, "countryShortName": p.Country} }),
}

var countryKind = &kind{
	legacy: "country", class: "CountryValue", timed: true, decode: decodeAs[Country],
	parse: func(w *write, v any) (any, error) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, badValue(w.col, v, "an object with a countryCode and a countryName is expected")
		}
		code := strings.ToUpper(gql.Text(m["countryCode"]))
		if code == "" {
			return nil, nil
		}
		if countries[code] == "" || gql.Text(m["countryName"]) == "" {
			return nil, badValue(w.col, v, "countryCode and countryName must name a country")
		}
		return Country{code, countries[code]}, nil
	},
	text: shown("", func(c Country) string { return c.Name }),
	raw:  rawOf(func(c Country) any { return map[string]any{"countryCode": c.Code, "countryName": c.Name} }),
}
