package metadata

// CurrencyField is the field that names the currency of a record, where an org has several.
const CurrencyField = "CurrencyIsoCode"

// currencyType is the object of an org's currencies (Object Reference, "CurrencyType"). Orgs with one currency do not have it.
const currencyType = `
object CurrencyType 01L cru setup | Currency Type | Currency Types
+id
IsoCode: string(3) required unique create idlookup | Currency ISO Code
ConversionRate: double(18,6) required | Conversion Rate
DecimalPlaces: int required | Decimal Places
IsActive: boolean | Active
IsCorporate: boolean ro | Corporate Currency
+audit
`

// NewCurrencyType makes the object.
func NewCurrencyType() (*Object, error) {
	objs, err := parseObjects(currencyType)
	if err != nil {
		return nil, err
	}
	return objs[0], nil
}

// NewCurrencyField makes the currency field of an object. Line items have the currency of their opportunity, and cannot be given one.
func NewCurrencyField(object string, values []PicklistValue) *Field {
	given := object != "OpportunityLineItem"
	return &Field{Name: CurrencyField, Label: "Currency ISO Code", Type: "picklist", Exact: "Picklist", Length: 3, RestrictedPicklist: true, DefaultedOnCreate: true,
		Createable: given, Updateable: given, Picklist: values}
}
