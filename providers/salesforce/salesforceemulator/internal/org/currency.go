package org

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/changefeed"
	"accord/providers/salesforce/salesforceemulator/internal/metadata"
)

// Currency is one of the currencies of an org that has several.
type Currency struct {
	// Code is its ISO 4217 code.
	Code string `json:"code"`
	// Rate is how much of it one unit of the corporate currency is.
	Rate json.Number `json:"rate"`
	// Decimals is how many digits after the point people see.
	Decimals int `json:"decimals"`
	// Corporate marks the one currency that rates are against; its rate is 1.
	Corporate bool `json:"corporate,omitempty"`
	// Inactive currencies cannot be given to records.
	Inactive bool `json:"inactive,omitempty"`
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// currencies gives the table of currencies; nil where the org has one.
func (o *Org) currencies() *table { return o.table("CurrencyType") }

// EnableCurrencies gives the org several currencies: from now on every record has one. Those that are there get the corporate
// one, without being modified. As at the vendor, it cannot be taken back; a second call adds and changes currencies.
func (tx *Tx) EnableCurrencies(list []Currency) error {
	if err := checkCurrencies(list, tx.o.currencies() != nil); err != nil {
		return fmt.Errorf("enabling several currencies: %w", err)
	}
	tx.redefined()
	t := tx.o.currencies()
	if t == nil {
		def, err := metadata.NewCurrencyType()
		if err != nil {
			return fmt.Errorf("enabling several currencies: %w", err)
		}
		t = tx.o.addTable(def)
		key := strings.ToLower(def.Name)
		tx.undo = append(tx.undo, func() { delete(tx.o.tables, key); delete(tx.o.prefix, def.KeyPrefix) })
	}
	for _, c := range list {
		if err := tx.putCurrency(t, c); err != nil {
			return fmt.Errorf("enabling the currency %s: %w", c.Code, err)
		}
	}
	tx.currenciesChanged()
	for _, name := range tx.o.tableNames() {
		if err := tx.addCurrencyField(tx.o.table(name)); err != nil {
			return fmt.Errorf("enabling several currencies: %w", err)
		}
	}
	return nil
}

func checkCurrencies(list []Currency, enabled bool) error {
	corporate := 0
	for _, c := range list {
		rate, ok := new(big.Rat).SetString(c.Rate.String())
		switch {
		case !currencyCode.MatchString(c.Code):
			return fmt.Errorf("%q is no code of three capital letters", c.Code)
		case !ok || rate.Sign() <= 0:
			return fmt.Errorf("the rate of %s is %q: give how much of it one unit of the corporate currency is", c.Code, c.Rate)
		case c.Corporate && (rate.Cmp(big.NewRat(1, 1)) != 0 || c.Inactive):
			return fmt.Errorf("%s is the corporate currency: its rate is 1, and it is active", c.Code)
		case c.Corporate:
			corporate++
		}
	}
	if corporate != 1 && (!enabled || corporate > 1) {
		return fmt.Errorf("%d of the currencies are the corporate one: name exactly one", corporate)
	}
	return nil
}

func (tx *Tx) putCurrency(t *table, c Currency) error {
	in := Fields{"ConversionRate": c.Rate, "DecimalPlaces": json.Number(strconv.Itoa(c.Decimals)), "IsActive": !c.Inactive}
	var err *Error
	rows := t.find(t.def.Field("IsoCode"), c.Code)
	tx.system(func() {
		if len(rows) > 0 {
			err = tx.Update("CurrencyType", rows[0].id, in)
			return
		}
		in["IsoCode"], in["IsCorporate"] = c.Code, c.Corporate
		_, err = tx.Insert("CurrencyType", in)
	})
	if err != nil {
		return err
	}
	return nil
}

// addCurrencyField gives an object the currency field, and its rows the corporate currency.
func (tx *Tx) addCurrencyField(t *table) error {
	if t.def.Setup && t.def.Name != "User" || t.def.Event || t.def.Tooling || t.def.Field(metadata.CurrencyField) != nil || tx.o.currencies() == nil {
		return nil
	}
	n := len(t.def.Fields)
	f := metadata.NewCurrencyField(t.def.Name, tx.currencyValues())
	if err := t.def.Add(f); err != nil {
		return err
	}
	tx.undo = append(tx.undo, func() { t.def.Truncate(n) })
	corporate := tx.corporate()
	for _, r := range t.order {
		before := r.cells
		r.cells = cellsSet(slices.Clone(before), f.Slot, corporate)
		tx.undo = append(tx.undo, func() { r.cells = before })
	}
	return nil
}

// currencyValues are the values of currency fields: one for each currency, by code.
func (tx *Tx) currencyValues() []metadata.PicklistValue {
	t := tx.o.currencies()
	var out []metadata.PicklistValue
	for _, r := range t.order {
		code, _ := r.get(t.def.Field("IsoCode").Slot).(string)
		out = append(out, metadata.PicklistValue{Value: code, Label: code, Active: r.get(t.def.Field("IsActive").Slot) == true, Default: r.get(t.def.Field("IsCorporate").Slot) == true})
	}
	slices.SortFunc(out, func(a, b metadata.PicklistValue) int { return strings.Compare(a.Value, b.Value) })
	return out
}

// currenciesChanged lets the currency fields offer what currencies there are now.
func (tx *Tx) currenciesChanged() {
	values := tx.currencyValues()
	for _, name := range tx.o.tableNames() {
		if f := tx.o.table(name).def.Field(metadata.CurrencyField); f != nil {
			before := f.Picklist
			f.Picklist = values
			tx.undo = append(tx.undo, func() { f.Picklist = before })
		}
	}
	tx.redefined()
}

func (tx *Tx) corporate() any {
	for _, v := range tx.currencyValues() {
		if v.Default {
			return v.Value
		}
	}
	return nil
}

// currencyOfUser is the currency of the user a transaction runs for: what new records get that name none.
func (tx *Tx) currencyOfUser() any {
	t := tx.o.table("User")
	if r := t.rows[tx.caller.UserID]; r != nil {
		if f := t.def.Field(metadata.CurrencyField); f != nil && r.get(f.Slot) != nil {
			return r.get(f.Slot)
		}
	}
	return tx.corporate()
}

// currencyOfUserOrNil and corporateOrNil are nil where the org has one currency.
func (tx *Tx) currencyOfUserOrNil() any {
	if tx.o.currencies() == nil {
		return nil
	}
	return tx.currencyOfUser()
}

func (tx *Tx) corporateOrNil() any {
	if tx.o.currencies() == nil {
		return nil
	}
	return tx.corporate()
}

// defaultCurrency gives a new record its currency.
func (tx *Tx) defaultCurrency(d *draft) {
	f := d.t.def.Field(metadata.CurrencyField)
	if f == nil || cellsGet(d.cells, f.Slot) != nil || d.given[f.Slot] {
		return
	}
	d.set(metadata.CurrencyField, tx.currencyOfUser())
}

// rate is how much of a currency one unit of the corporate one is; nil where it is unknown.
func (tx *Tx) rate(code any) *big.Rat {
	t := tx.o.currencies()
	if t == nil {
		return nil
	}
	rows := t.find(t.def.Field("IsoCode"), code)
	if len(rows) == 0 {
		return nil
	}
	n, _ := rows[0].get(t.def.Field("ConversionRate").Slot).(json.Number)
	r, ok := new(big.Rat).SetString(n.String())
	if !ok || r.Sign() <= 0 {
		return nil
	}
	return r
}

// converted gives amounts of a field in another currency than the record's. Fields that are no amounts, and orgs with one
// currency, convert nothing.
func (c *compiled) converted(f *metadata.Field, path []string, get func(*row) any, into any) func(*row) any {
	own := c.t.def.Field(metadata.CurrencyField)
	to := c.tx.rate(into)
	if f.Type != "currency" || own == nil || len(path) != 1 || to == nil {
		return get
	}
	return func(r *row) any {
		n, ok := get(r).(json.Number)
		if !ok {
			return nil
		}
		from := c.tx.rate(r.get(own.Slot))
		x, ok := new(big.Rat).SetString(n.String())
		if !ok || from == nil {
			return n
		}
		return json.Number(trimNumber(x.Mul(x, to).Quo(x, from).FloatString(6)))
	}
}

// afterCurrency follows what somebody did to a currency over the API.
func (tx *Tx) afterCurrency(t *table) {
	if t.def.Name == "CurrencyType" {
		tx.currenciesChanged()
	}
}

// deriveLineCurrency gives a line item the currency of its opportunity.
func (tx *Tx) deriveLineCurrency(d *draft) {
	if d.t.def.Field(metadata.CurrencyField) == nil {
		return
	}
	id, _ := d.get("OpportunityId").(string)
	t := tx.o.table("Opportunity")
	if r := t.rows[id]; r != nil {
		d.set(metadata.CurrencyField, r.get(t.def.Field(metadata.CurrencyField).Slot))
	}
}

// followCurrency gives the line items of an opportunity its new currency, as system edits.
func (tx *Tx) followCurrency(d *draft) {
	if d.t.def.Name != "Opportunity" || d.insert() || d.t.def.Field(metadata.CurrencyField) == nil || !d.changed(metadata.CurrencyField) {
		return
	}
	t := tx.o.table("OpportunityLineItem")
	f := t.def.Field(metadata.CurrencyField)
	for _, r := range t.find(t.def.Field("OpportunityId"), d.id) {
		cells := cellsSet(slices.Clone(r.cells), f.Slot, d.get(metadata.CurrencyField))
		tx.put(t, r, cellsSet(cells, t.stampSlot, tx.stamp), changefeed.Update)
	}
}
