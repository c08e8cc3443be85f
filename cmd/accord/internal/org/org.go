package org

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Options say what to make up.
type Options struct {
	Seed          uint64
	Users         int
	Accounts      int
	Contacts      int
	Opportunities int
	Today         time.Time // deals are dated around it
}

// Counts is what was made.
type Counts struct{ Users, Accounts, Contacts, Opportunities, Won, NoAccount, NoDate, RepeatedNames int }

type tree struct {
	Records []map[string]any `json:"records"`
}

type planStep struct {
	SObject     string   `json:"sobject"`
	SaveRefs    bool     `json:"saveRefs"`
	ResolveRefs bool     `json:"resolveRefs"`
	Files       []string `json:"files"`
}

// Write makes an org up and writes it into a folder: one tree file for each sObject, and the plan that loads them in
// order.
func Write(dir string, o Options) (Counts, error) {
	m := &maker{o: o, rand: rand.New(rand.NewPCG(o.Seed, 0x6f7267))}
	files := []struct {
		sObject string
		records []map[string]any
	}{
		{"User", m.users()}, {"Account", m.accounts()}, {"Contact", m.contacts()}, {"Opportunity", m.opportunities()},
	}
	var steps []planStep
	for i, f := range files {
		for j, r := range f.records {
			r["attributes"] = map[string]any{"type": f.sObject, "referenceId": fmt.Sprintf("%sRef%d", f.sObject, j+1)}
		}
		name := f.sObject + "s.json"
		if err := write(filepath.Join(dir, name), tree{f.records}); err != nil {
			return m.counts, err
		}
		steps = append(steps, planStep{f.sObject, true, i > 0, []string{name}})
	}
	return m.counts, write(filepath.Join(dir, "org-plan.json"), steps)
}

func write(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

type maker struct {
	o      Options
	rand   *rand.Rand
	counts Counts
}

func pick[T any](m *maker, list []T) T { return list[m.rand.IntN(len(list))] }

func (m *maker) chance(percent int) bool { return m.rand.IntN(100) < percent }

// users are the sales people, in several time zones; a few have left.
func (m *maker) users() []map[string]any {
	taken := map[string]bool{}
	var list []map[string]any
	for i := range m.o.Users {
		first, last := pick(m, firstNames), pick(m, lastNames)
		login := ascii(first) + "." + ascii(last)
		for n := 2; taken[login]; n++ {
			login = fmt.Sprintf("%s.%s%d", ascii(first), ascii(last), n)
		}
		taken[login] = true
		list = append(list, map[string]any{
			"FirstName": first, "LastName": last, "Email": login + "@example.com", "Username": login + "@demo.example.com",
			"TimeZoneSidKey": pick(m, timeZones), "IsActive": i == 0 || !m.chance(4),
		})
	}
	m.counts.Users = len(list)
	return list
}

func (m *maker) accounts() []map[string]any {
	var list []map[string]any
	for i := range m.o.Accounts {
		name := m.company()
		a := map[string]any{"Name": name, "OwnerId": m.owner(), "Industry": pick(m, industries)}
		if !m.chance(12) {
			a["Website"] = "https://www." + strings.Trim(ascii(name), "-") + ".example.com"
		}
		if m.chance(70) {
			a["AnnualRevenue"] = m.rand.IntN(900_000_000) + 10_000
			a["NumberOfEmployees"] = m.rand.IntN(20_000) + 1
		}
		if i > 20 && m.chance(15) {
			a["ParentId"] = fmt.Sprintf("@AccountRef%d", m.rand.IntN(i)+1)
		}
		if m.chance(80) {
			a["BillingCity"], a["BillingCountry"] = pick(m, cities), pick(m, countries)
		}
		list = append(list, a)
	}
	m.counts.Accounts = len(list)
	return list
}

func (m *maker) company() string {
	name := pick(m, companyRoots)
	switch m.rand.IntN(6) {
	case 0:
		name += " & " + pick(m, lastNames)
	case 1:
		name += "-" + pick(m, companyRoots)
	case 2:
		name = pick(m, lastNames) + ", " + pick(m, lastNames) + " & Co."
	case 3:
		name += " (" + pick(m, cities) + ")"
	}
	return name + pick(m, companyEndings)
}

func (m *maker) contacts() []map[string]any {
	var list []map[string]any
	for i := range m.o.Contacts {
		first, last := pick(m, firstNames), pick(m, lastNames)
		c := map[string]any{"FirstName": first, "LastName": last, "Email": fmt.Sprintf("%s.%s%d@example.com", ascii(first), ascii(last), i)}
		if m.o.Accounts > 0 && !m.chance(8) {
			c["AccountId"] = fmt.Sprintf("@AccountRef%d", m.skewed(m.o.Accounts))
		}
		if m.chance(60) {
			c["Phone"] = fmt.Sprintf("+49 30 %07d", m.rand.IntN(10_000_000))
		}
		list = append(list, c)
	}
	m.counts.Contacts = len(list)
	return list
}

// opportunities have the oddities of real pipelines: names that repeat, no account, no close date, quotes and emoji,
// most of them owned by few.
func (m *maker) opportunities() []map[string]any {
	seen := map[string]bool{}
	var list []map[string]any
	for range m.o.Opportunities {
		stage := pick(m, stages)
		d := map[string]any{"Name": m.deal(), "StageName": stage, "OwnerId": m.owner()}
		if seen[d["Name"].(string)] {
			m.counts.RepeatedNames++
		}
		seen[d["Name"].(string)] = true
		if stage == "Closed Won" {
			m.counts.Won++
		}
		if m.o.Accounts > 0 && !m.chance(16) {
			d["AccountId"] = fmt.Sprintf("@AccountRef%d", m.skewed(m.o.Accounts))
		} else {
			m.counts.NoAccount++
		}
		if closed := strings.HasPrefix(stage, "Closed"); closed || !m.chance(30) {
			d["CloseDate"] = m.o.Today.AddDate(0, 0, m.rand.IntN(540)-400).Format(time.DateOnly)
		} else {
			m.counts.NoDate++
		}
		if !m.chance(18) {
			d["Amount"] = json.Number(fmt.Sprintf("%d.%02d", m.rand.IntN(250_000)+40, m.rand.IntN(100)))
		}
		if m.chance(55) {
			d["NextStep"] = pick(m, nextSteps)
		}
		if m.chance(65) {
			d["LeadSource"] = pick(m, leadSources)
		}
		list = append(list, d)
	}
	m.counts.Opportunities = len(list)
	return list
}

func (m *maker) deal() string {
	switch m.rand.IntN(10) {
	case 0, 1:
		return fmt.Sprintf("%s - %dK", pick(m, products), (m.rand.IntN(8)+1)*2) // these repeat
	case 2:
		return fmt.Sprintf("%s «%s»", pick(m, products), pick(m, companyRoots))
	case 3:
		return fmt.Sprintf("%s: \"%s\", phase %d", pick(m, companyRoots), pick(m, products), m.rand.IntN(4)+1)
	case 4:
		return fmt.Sprintf("%s 🚀 %s #%d", pick(m, products), pick(m, cities), m.rand.IntN(9000))
	default:
		return fmt.Sprintf("%s %s %d", pick(m, companyRoots), pick(m, products), m.rand.IntN(9000)+1000)
	}
}

func (m *maker) owner() string { return fmt.Sprintf("@UserRef%d", m.skewed(m.o.Users)) }

// skewed is a number from 1 to n, low ones far more often: a few people and companies have most of everything.
func (m *maker) skewed(n int) int {
	x := m.rand.Float64()
	return int(x*x*x*float64(n)) + 1
}

// ascii makes text fit for an address: accents off, lower case, everything else a dash.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '.':
		case r == 'ø':
			b.WriteByte('o')
		case r == 'ß':
			b.WriteString("ss")
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if name := strings.Trim(b.String(), "-"); name != "" {
		return name
	}
	return "x"
}
