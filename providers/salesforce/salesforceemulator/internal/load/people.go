package load

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// people makes a user for everybody who is named as an owner, agent or manager.
type people struct {
	l      *loader
	byName map[string]string // folded name, username or e-mail -> id
	used   map[string]bool   // e-mail addresses
}

func newPeople(l *loader) *people {
	return &people{l: l, byName: map[string]string{}, used: map[string]bool{}}
}

// find gives the user with that name or e-mail address, making one where there is none.
func (p *people) find(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		return ""
	}
	if id := p.byName[fold(name)]; id != "" {
		return id
	}
	if id := p.l.tx.FindByName("User", name); id != "" {
		p.byName[fold(name)] = id
		return id
	}
	return p.add(name, "", "")
}

// add makes a user: first.last@example.com, without accents, numbered where two people share a name.
func (p *people) add(name, email, zone string) string {
	first, last := splitName(name)
	f, _ := first.(string)
	la, _ := last.(string)
	if email == "" {
		local := plain(strings.Trim(f+" "+la, " "))
		if local == "" {
			local = "user"
		}
		email = local + "@example.com"
		for n := 2; p.used[email]; n++ {
			email = fmt.Sprintf("%s%d@example.com", local, n)
		}
	}
	email = strings.ToLower(email)
	if f == "" {
		f = la
	}
	id, err := p.l.tx.AddUser(email, f, la, "Standard User", zone)
	if err != nil {
		p.l.report.warn("%v", err)
		return ""
	}
	p.used[email] = true
	p.byName[fold(name)] = id
	p.byName[fold(email)] = id
	p.l.report.Records["User"]++
	return id
}

// plain turns "José Núñez" into "jose.nunez".
func plain(name string) string {
	t := transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	s, _, err := transform.String(t, name)
	if err != nil {
		s = name
	}
	var parts []string
	for _, w := range strings.Fields(strings.ToLower(s)) {
		w = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
				return r
			}
			return -1
		}, w)
		if w != "" {
			parts = append(parts, w)
		}
	}
	return clipTo(strings.Join(parts, "."), 60)
}

func clipTo(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// sheet loads a file of people: each with their details, then who reports to whom.
func (p *people) sheet(s *sheet) {
	l := p.l
	type link struct{ id, manager, where string }
	var links []link
	for n := range s.rows {
		details := org.Fields{}
		name, email, username, manager, zone := "", "", "", "", ""
		for _, c := range s.cols {
			text := s.value(s.rows[n], c.i)
			if c.field == nil || text == "" {
				continue
			}
			if z := l.table.TimeZones[strings.ToLower(text)]; z != "" && zone == "" {
				zone = z
			}
			switch c.field.Name {
			case "Name":
				name = text
			case "Email":
				email = text
			case "Username":
				username = text
			case "ManagerId":
				manager = text
			case "TimeZoneSidKey":
				zone = text
			case "Id", "ProfileId", "UserRoleId":
			default:
				if v, ok := l.convert(s, c, text); ok {
					details[c.field.Name] = v
				}
			}
		}
		if name == "" {
			first, _ := details["FirstName"].(string)
			last, _ := details["LastName"].(string)
			name = strings.TrimSpace(first + " " + last)
		}
		where := fmt.Sprintf("%s row %d", s.file, n+2)
		switch {
		case username == "":
			username = email
		case email != "":
			details["Email"] = email // several users may share an address, and none a user name
		}
		if name == "" && username == "" {
			l.report.warn("%s: a user without a name", where)
			continue
		}
		if name == "" {
			name, _, _ = strings.Cut(username, "@")
		}
		id := p.byName[fold(name)]
		if id == "" {
			id = p.add(name, username, zone)
		}
		if id == "" {
			continue
		}
		if len(details) > 0 {
			if err := l.tx.Update("User", id, details); err != nil {
				l.report.warn("%s: %s", where, err)
			}
		}
		if manager != "" {
			links = append(links, link{id, manager, where})
		}
	}
	for _, k := range links {
		if boss := p.find(k.manager); boss != "" && boss != k.id {
			if err := l.tx.Update("User", k.id, org.Fields{"ManagerId": boss}); err != nil {
				l.report.warn("%s: the manager %s: %s", k.where, k.manager, err)
			}
		}
	}
}
