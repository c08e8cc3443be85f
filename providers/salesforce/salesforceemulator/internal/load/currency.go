package load

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"path"
	"strconv"
	"strings"

	"accord/providers/salesforce/salesforceemulator/internal/org"
)

// currencies makes an org of several currencies where the folder says so: by a CurrencyType.csv (IsoCode, ConversionRate,
// DecimalPlaces, IsCorporate, IsActive), or by Currency.settings-meta.xml with enableMultiCurrency, which alone gives US dollars.
func (l *loader) currencies() error {
	for _, f := range l.files {
		if strings.EqualFold(path.Base(f), "CurrencyType.csv") {
			return l.rateTable(f)
		}
	}
	for _, f := range l.with("Currency.settings-meta.xml") {
		raw, err := l.read(f)
		if err != nil {
			return err
		}
		var settings struct {
			Enabled bool `xml:"enableMultiCurrency"`
		}
		if err := xml.Unmarshal(raw, &settings); err != nil {
			l.report.warn("%s: %v", f, err)
			continue
		}
		if settings.Enabled {
			l.took(f, "several currencies")
			return l.tx.EnableCurrencies([]org.Currency{{Code: "USD", Rate: "1", Decimals: 2, Corporate: true}})
		}
	}
	return nil
}

func (l *loader) rateTable(file string) error {
	s, err := l.readSheet(file, "CurrencyType")
	if err != nil || s == nil {
		return err
	}
	l.rates = file
	at := map[string]int{}
	for i, h := range s.header {
		at[fold(h)] = i
	}
	for _, need := range []string{"isocode", "conversionrate", "iscorporate"} {
		if _, ok := at[need]; !ok {
			return fmt.Errorf("%s: a table of currencies has the columns IsoCode, ConversionRate and IsCorporate", file)
		}
	}
	cell := func(row []string, name string) string {
		if i, ok := at[name]; ok {
			return s.value(row, i)
		}
		return ""
	}
	var list []org.Currency
	for _, row := range s.rows {
		c := org.Currency{Code: cell(row, "isocode"), Rate: json.Number(cell(row, "conversionrate")), Decimals: 2, Corporate: strings.EqualFold(cell(row, "iscorporate"), "true"),
			Inactive: strings.EqualFold(cell(row, "isactive"), "false")}
		if text := cell(row, "decimalplaces"); text != "" {
			if c.Decimals, err = strconv.Atoi(text); err != nil {
				return fmt.Errorf("%s: the decimal places of %s are %q", file, c.Code, text)
			}
		}
		list = append(list, c)
	}
	if err := l.tx.EnableCurrencies(list); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	l.report.Records["CurrencyType"] = len(list)
	return nil
}
