package ratelimit

// weight is how much the newest price counts against what was learned before.
const weight = 0.3

// prices are learned per operation, for each row: an exponentially weighted moving average. What one row costs depends
// on the document, and documents of one operation differ little.
type prices map[string]float64

func (p prices) learn(operation string, rows int, cost int64) {
	if cost < 0 {
		return
	}
	each := float64(cost) / float64(max(rows, 1))
	old, known := p[operation]
	if !known {
		p[operation] = each
		return
	}
	p[operation] = old + weight*(each-old)
}

// of is the price to expect; 0 for an operation that was never seen.
func (p prices) of(operation string, rows int) int64 {
	return int64(p[operation]*float64(max(rows, 1)) + 0.5)
}
