package soql

// Query is one SELECT statement.
type Query struct {
	Text    string
	Select  []Item
	From    string
	Alias   string
	FromPos int
	Where   Cond
	GroupBy []Expr
	Having  Cond
	OrderBy []Order
	// Limit and Offset are -1 where they were not given.
	Limit, Offset int
	AllRows       bool
	// For is VIEW, REFERENCE or UPDATE.
	For string
	// Scope is the name after USING SCOPE.
	Scope string
}

// Item is one entry of the SELECT list: an expression, a child subquery, FIELDS(...), or TYPEOF.
type Item struct {
	Expr   Expr
	Alias  string
	Sub    *Query
	Fields string // ALL, STANDARD or CUSTOM
	TypeOf *TypeOf
}

// TypeOf is a polymorphic selection.
type TypeOf struct {
	Relation string
	Pos      int
	When     []TypeOfWhen
	Else     []Expr
}

// TypeOfWhen lists what to select of one object.
type TypeOfWhen struct {
	Object string
	Fields []Expr
}

// Expr is a field path (Path set) or a function call (Func set, upper case).
type Expr struct {
	Path []string
	Func string
	Args []Expr
	// Lits are literal arguments, as of DISTANCE.
	Lits []Literal
	Pos  int
	Text string
}

// Order is one entry of ORDER BY. NullsLast is meaningful where NullsGiven.
type Order struct {
	Expr                        Expr
	Desc, NullsGiven, NullsLast bool
}

// Cond is And, Or, Not or *Compare.
type Cond interface{ cond() }

// And is true where all of its parts are, Or where one of them is, Not where its part is false.
type (
	And []Cond
	Or  []Cond
	Not struct{ Cond Cond }
)

// Compare compares an expression with literals or with the rows of a subquery.
type Compare struct {
	Left Expr
	// Op is one of = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES.
	Op     string
	Values []Literal
	Sub    *Query
}

func (And) cond()      {}
func (Or) cond()       {}
func (Not) cond()      {}
func (*Compare) cond() {}

// Kind says what a literal is.
type Kind int

// The kinds of literals.
const (
	String Kind = iota
	Number
	Bool
	Null
	Date
	DateTime
	DateLiteral // TODAY, LAST_N_DAYS:3
	Currency    // USD5000
)

// Literal is one literal. For String, Text is the value with its escapes resolved and Like keeps a leading
// backslash before an escaped % or _. N is the number after the colon of a date literal.
type Literal struct {
	Kind Kind
	Text string
	Like string
	N    int
	Pos  int
}
