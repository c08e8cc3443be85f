package contract

import "slices"

// The codes of this package's diagnostics. They are stable: a code is never given another meaning, nor used again once
// it has gone.
const (
	codeSyntax   = "ACC1001"
	codeTooLarge = "ACC1002"
	codeTooDeep  = "ACC1003"
	codeNoFiles  = "ACC1004"

	codeUnknownBlock     = "ACC1101"
	codeUnknownAttribute = "ACC1102"
	codeMissing          = "ACC1103"
	codeDuplicate        = "ACC1104"
	codeLabels           = "ACC1105"
	codeWrongType        = "ACC1106"
	codeKeyword          = "ACC1107"
	codeExpression       = "ACC1108"
	codeDuration         = "ACC1110"
	codePercentage       = "ACC1111"
	codeNumberRange      = "ACC1112"
	codeRequiredVersion  = "ACC1113"

	codeReference       = "ACC1201"
	codeReferenceKind   = "ACC1202"
	codeUnknownFunction = "ACC1203"
	codeVariableValue   = "ACC1204"
	codeVariableType    = "ACC1205"
	codeVariableUnknown = "ACC1206"
	codeVariableInvalid = "ACC1207"
	codeSecretMisplaced = "ACC1208"
	codeSecretReference = "ACC1209"

	codeInsecure      = "ACC1301"
	codeAddress       = "ACC1302"
	codeWebhookLength = "ACC1303"
	codeUnsigned      = "ACC1304"
	codeAPIVersion    = "ACC1305"
	codeChannel       = "ACC1306"

	codeEnds             = "ACC1401"
	codeNativeField      = "ACC1402"
	codeNativeType       = "ACC1403"
	codeNativeTwice      = "ACC1404"
	codeInterval         = "ACC1405"
	codeOwner            = "ACC1406"
	codeConflict         = "ACC1407"
	codeDrift            = "ACC1408"
	codeTimezone         = "ACC1409"
	codePeople           = "ACC1410"
	codeReferenceNeeded  = "ACC1411"
	codeCycle            = "ACC1412"
	codeItemName         = "ACC1413"
	codeMatch            = "ACC1414"
	codeDelete           = "ACC1415"
	codeLossy            = "ACC1416"
	codeReferenceAcross  = "ACC1417"
	codeTransform        = "ACC1418"
	codeTransformExample = "ACC1419"
	codeCurrency         = "ACC1420"
	codeSharedKey        = "ACC1421"
	codeCanary           = "ACC1430"

	codePicklistInverse = "ACC1501"
	codeInverseLabel    = "ACC1502"
	codeInverseValue    = "ACC1503"
	codeColorLabel      = "ACC1504"
	codeColorName       = "ACC1505"
	codeTooManyLabels   = "ACC1506"
	codeLabelLength     = "ACC1507"
	codePicklistUnused  = "ACC1508"
	codePicklistKind    = "ACC1509"
	codePicklistValues  = "ACC1510"

	codeCondition      = "ACC1601"
	codeConditionField = "ACC1602"
	codeBeforeCreate   = "ACC1603"
	codeNow            = "ACC1604"
	codeAction         = "ACC1605"
	codeConditionValue = "ACC1606"
	codeWord           = "ACC1607"
	codeEvent          = "ACC1608"
	codeLoop           = "ACC1609"

	codePolicy       = "ACC1701"
	codePolicyFields = "ACC1702"

	codeAddressForm     = "ACC1801"
	codeMovedFrom       = "ACC1802"
	codeMovedTo         = "ACC1803"
	codeRemovedPresent  = "ACC1804"
	codeDestroyAllow    = "ACC1805"
	codeProtected       = "ACC1806"
	codeAllowExpired    = "ACC1807"
	codeAllowUnused     = "ACC1808"
	codeAllowReason     = "ACC1809"
	codeAllowUntil      = "ACC1810"
	codeProbableRename  = "ACC1811"
	codeMovedDifference = "ACC1812"
)

// Code is one entry of the catalogue: what `accord explain` shows.
type Code struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Text  string `json:"text"` // what it means, why it is refused, and what to do
}

// Codes is the catalogue of this package's diagnostics, in order.
func Codes() []Code { return slices.Clone(catalogue) }

// Explain finds a code in the catalogue.
func Explain(code string) (Code, bool) {
	for _, c := range catalogue {
		if c.Code == code {
			return c, true
		}
	}
	return Code{}, false
}
