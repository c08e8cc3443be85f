package lens

import "accord/engine/contract"

// Problem is one reason why a contract field can't be carried, found without looking at any record.
type Problem struct {
	Code    string // stable, see Codes
	Summary string
	Detail  string                // what, with both types, and what to write into the contract
	Field   *contract.Field       // its Range says where; nil when it is an object's key
	Native  *contract.NativeField // the native field at fault, whose Range is nearer; nil when it is the pair
}

// Error is the problem on one line.
func (p Problem) Error() string { return p.Code + ": " + p.Summary + ": " + p.Detail }

// The codes of problems.
const (
	CodePair      = "ACC2001"
	CodeCount     = "ACC2002"
	CodeLoss      = "ACC2003"
	CodeTimezone  = "ACC2004"
	CodeReadOnly  = "ACC2005"
	CodeTable     = "ACC2006"
	CodeTarget    = "ACC2007"
	CodeTransform = "ACC2008"
	CodeCurrency  = "ACC2009"
	CodeUnmade    = "ACC2010"
)

// Code explains one stable code.
type Code struct{ Code, Title, Explanation string }

// Codes lists the codes of this package, in order.
func Codes() []Code {
	return []Code{
		{CodePair, "These two fields can't hold the same value", "Both ends of a field must hold the same kind of thing: text, " +
			"a number, a truth value, a date, a moment, a stretch of days, choices, people, references or a link. Text may also " +
			"stand for a choice or a link. Give one end a field of the other's kind."},
		{CodeCount, "A field has the wrong number of native fields", "One native field an end is the rule. Two dates at one end " +
			"make a stretch of days, for a field of the other end that holds one, or two dates as well."},
		{CodeLoss, "This pair loses something of every value", "A moment written to a field that keeps only days loses its time. " +
			"If that is what you want, name the loss in the field: lossy = [\"time\"]. Values that are too long or have too many " +
			"decimal places are rejected one by one instead, unless lossy names \"truncate\" or \"round\"."},
		{CodeTimezone, "A field crosses dates and moments without a time zone", "A date becomes a moment only in a time zone. " +
			"Name the one people mean when they write a bare date: timezone = \"Europe/Berlin\"."},
		{CodeReadOnly, "A field that can't be written would have to be", "The vendor computes this field, or lets nobody write " +
			"it. Give the field to this side (owner), or name another native field."},
		{CodeTable, "A picklist table does not lead back", "Each label must lead back to one value, or an edit could not be " +
			"carried home. Where several values share a label, inverse names the one it comes home as."},
		{CodeTarget, "A reference does not say to what", "References are carried between the records of another object of the " +
			"contract. Name it: reference = object.client."},
		{CodeTransform, "A transform does not do what it promises", "The examples of a transform must come true for what the fields " +
			"hold, and where both directions are given, a value that goes home must come back the same: samples of all sorts are " +
			"tried, and the message shows one that does not. Where that is meant, name it in the field: lossy = [\"transform\"]."},
		{CodeCurrency, "Amounts of several currencies", "An org with several currencies says a record's currency in a field of its " +
			"own; a bare number on the other side would not tell 100 EUR from 100 JPY. Carry one currency (currency = \"EUR\", with the " +
			"field that says it beside the amount), map that field too, or accept the loss with lossy = [\"currency\"]."},
		{CodeUnmade, "Apply can't make a field of this type", "A native field with a type before it (text.salesforce_id) is made by apply " +
			"when it is missing. Fields that the vendor computes, and those whose values can't be kept in agreement, are never made. " +
			"Leave the type away to map a field that exists, and give the contract field to the side that computes it. A key is made too, and " +
			"holds the other record's id: it needs a text."},
	}
}

func (j *subject) problem(code, summary, detail string) Problem {
	return Problem{Code: code, Summary: summary, Detail: detail, Field: j.field}
}
