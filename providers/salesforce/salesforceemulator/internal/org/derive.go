package org

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// draft is a record being saved: the values it will have, and which fields the caller gave.
type draft struct {
	t      *table
	id     string
	before []cell // nil on insert
	cells  []cell
	given  map[int]bool
}

func (d *draft) get(name string) any {
	if f := d.t.def.Field(name); f != nil {
		return cellsGet(d.cells, f.Slot)
	}
	return nil
}

func (d *draft) was(name string) any {
	if f := d.t.def.Field(name); f != nil {
		return cellsGet(d.before, f.Slot)
	}
	return nil
}

func (d *draft) set(name string, v any) {
	if f := d.t.def.Field(name); f != nil {
		d.cells = cellsSet(d.cells, f.Slot, v)
	}
}

func (d *draft) gave(name string) bool {
	f := d.t.def.Field(name)
	return f != nil && d.given[f.Slot]
}

// changed tells whether a field differs from before; on insert, whether it has a value.
func (d *draft) changed(name string) bool { return d.get(name) != d.was(name) }

func (d *draft) insert() bool { return d.before == nil }

// derive sets what the platform computes from other fields as part of the save.
func (tx *Tx) derive(d *draft) {
	switch d.t.def.Name {
	case "Contact", "Lead", "User":
		d.set("Name", fullName(d.get("FirstName"), d.get("LastName")))
	}
	switch d.t.def.Name {
	case "Opportunity":
		tx.deriveOpportunity(d)
	case "Case":
		closed := d.get("Status") == "Closed"
		if closed != (d.was("IsClosed") == true) || d.insert() {
			d.set("IsClosed", closed)
			d.set("ClosedDate", nil)
			if closed {
				d.set("ClosedDate", tx.stamp)
			}
		}
	case "Task":
		closed := d.get("Status") == "Completed"
		d.set("IsHighPriority", d.get("Priority") == "High")
		if closed != (d.was("IsClosed") == true) || d.insert() {
			d.set("IsClosed", closed)
			d.set("CompletedDateTime", nil)
			if closed {
				d.set("CompletedDateTime", tx.stamp)
			}
		}
		tx.deriveActivityAccount(d)
	case "Event":
		tx.deriveActivityAccount(d)
	case "User":
		tx.deriveUser(d)
	case "OpportunityLineItem":
		tx.deriveLineItem(d)
		tx.deriveLineCurrency(d)
	}
}

func fullName(first, last any) any {
	parts := []string{}
	for _, p := range []any{first, last} {
		if s, ok := p.(string); ok {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return strings.Join(parts, " ")
}

// deriveOpportunity is the cascade behind a stage: probability, forecast category, closed and won, expected revenue, fiscal period.
func (tx *Tx) deriveOpportunity(d *draft) {
	if d.changed("StageName") || d.insert() {
		stage := tx.o.stage(d.get("StageName"))
		if !d.gave("Probability") || d.get("Probability") == nil {
			d.set("Probability", stage.probability)
		}
		d.set("IsClosed", stage.closed)
		d.set("IsWon", stage.won)
		if !d.gave("ForecastCategoryName") {
			d.set("ForecastCategoryName", stage.categoryName)
		}
		d.set("ForecastCategory", stage.category)
		if !d.insert() {
			d.set("LastStageChangeDate", tx.stamp)
		}
	}
	if d.changed("Amount") || d.changed("Probability") {
		d.set("ExpectedRevenue", percentOf(d.get("Amount"), d.get("Probability")))
	}
	if close, ok := d.get("CloseDate").(string); ok && len(close) >= 7 && d.changed("CloseDate") {
		year, month := close[:4], close[5:7]
		m, _ := strconv.Atoi(month)
		quarter := (m + 2) / 3
		d.set("FiscalYear", json.Number(year))
		d.set("FiscalQuarter", json.Number(strconv.Itoa(quarter)))
		d.set("Fiscal", fmt.Sprintf("%s %d", year, quarter))
		if was, ok := d.was("CloseDate").(string); ok && was[:7] < close[:7] && d.get("IsClosed") != true {
			n := int64(0)
			if v, ok := d.get("PushCount").(json.Number); ok {
				n, _ = v.Int64()
			}
			d.set("PushCount", json.Number(strconv.FormatInt(n+1, 10)))
		}
	}
}

func percentOf(amount, percent any) any {
	a, ok := amount.(json.Number)
	p, ok2 := percent.(json.Number)
	if !ok || !ok2 {
		return nil
	}
	x, ok := new(big.Rat).SetString(a.String())
	y, ok2 := new(big.Rat).SetString(p.String())
	if !ok || !ok2 {
		return nil
	}
	x.Mul(x, y).Quo(x, big.NewRat(100, 1))
	return json.Number(trimNumber(x.FloatString(2)))
}

type stage struct {
	probability            any
	closed, won            bool
	category, categoryName any
}

// stage looks a stage up in OpportunityStage; one that is not listed counts as an open one in the pipeline.
func (o *Org) stage(name any) stage {
	t := o.table("OpportunityStage")
	rows := t.find(t.def.Field("MasterLabel"), name)
	if len(rows) == 0 {
		return stage{probability: json.Number("0"), category: "Pipeline", categoryName: "Pipeline"}
	}
	get := func(field string) any { return rows[0].get(t.def.Field(field).Slot) }
	return stage{get("DefaultProbability"), get("IsClosed") == true, get("IsWon") == true, get("ForecastCategory"), get("ForecastCategoryName")}
}

func (tx *Tx) deriveActivityAccount(d *draft) {
	if !d.changed("WhatId") && !d.changed("WhoId") && !d.insert() {
		return
	}
	d.set("AccountId", nil)
	for _, field := range []string{"WhatId", "WhoId"} {
		id, _ := d.get(field).(string)
		t, r := tx.o.rowByID(id)
		if r == nil {
			continue
		}
		if t.def.Name == "Account" {
			d.set("AccountId", id)
			return
		}
		if f := t.def.Field("AccountId"); f != nil {
			if acc := r.get(f.Slot); acc != nil {
				d.set("AccountId", acc)
				return
			}
		}
	}
}

func (tx *Tx) deriveUser(d *draft) {
	if d.get("CommunityNickname") == nil {
		if s, ok := d.get("Username").(string); ok {
			name, _, _ := strings.Cut(s, "@")
			d.set("CommunityNickname", clip(name, 40))
		}
	}
	if d.get("UserType") == nil {
		d.set("UserType", "Standard")
	}
}

func (tx *Tx) deriveLineItem(d *draft) {
	if d.changed("Quantity") || d.changed("UnitPrice") {
		q, ok := d.get("Quantity").(json.Number)
		u, ok2 := d.get("UnitPrice").(json.Number)
		if ok && ok2 {
			x, okx := new(big.Rat).SetString(q.String())
			y, oky := new(big.Rat).SetString(u.String())
			if okx && oky {
				d.set("TotalPrice", json.Number(trimNumber(x.Mul(x, y).FloatString(2))))
			}
		}
	}
	if id, ok := d.get("PricebookEntryId").(string); ok && d.insert() {
		t := tx.o.table("PricebookEntry")
		if r := t.rows[id]; r != nil {
			d.set("Product2Id", r.get(t.def.Field("Product2Id").Slot))
			d.set("ListPrice", r.get(t.def.Field("UnitPrice").Slot))
		}
	}
}

// autoNumber gives the next number of an auto-number field in its display format, such as "A-{00000}".
func (t *table) autoNumber(f *metadata.Field) string {
	t.auto[f.Slot]++
	n := strconv.FormatUint(t.auto[f.Slot], 10)
	format := f.DisplayFormat
	if format == "" {
		format = "{00000000}"
	}
	i, j := strings.IndexByte(format, '{'), strings.IndexByte(format, '}')
	if i < 0 || j < i {
		return format + n
	}
	width := j - i - 1
	if len(n) < width {
		n = strings.Repeat("0", width-len(n)) + n
	}
	return format[:i] + n + format[j+1:]
}
