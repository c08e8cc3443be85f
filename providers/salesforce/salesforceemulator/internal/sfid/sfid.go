package sfid

import "strings"

const (
	digits   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	checksum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
)

// Make gives the 18-character id with that key prefix (three characters), pod (the three characters that tell
// one instance's ids from another's) and number. Ids made with growing numbers sort in that order.
func Make(prefix, pod string, n uint64) string {
	var b [15]byte
	copy(b[:3], prefix)
	copy(b[3:6], pod)
	for i := 14; i >= 6; i-- {
		b[i] = digits[n%62]
		n /= 62
	}
	return string(b[:]) + suffix(string(b[:]))
}

// suffix computes the three checksum characters: one per group of five, bit k set where character k is A-Z
// (REST API guide, "sObject IDs").
func suffix(id15 string) string {
	var out [3]byte
	for g := range 3 {
		v := 0
		for k := range 5 {
			if c := id15[g*5+k]; c >= 'A' && c <= 'Z' {
				v |= 1 << k
			}
		}
		out[g] = checksum[v]
	}
	return string(out[:])
}

// Normalize gives the 18-character form of an id with 15 or 18 characters. It is false for any other length,
// for characters that no id has, and for an 18-character id whose checksum does not belong to it.
func Normalize(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	for i := range len(id) {
		if strings.IndexByte(digits, id[i]) < 0 {
			return "", false
		}
	}
	sum := suffix(id[:15])
	if len(id) == 18 && !strings.EqualFold(id[15:], sum) {
		return "", false
	}
	return id[:15] + sum, true
}

// Prefix gives the key prefix of an id, or "" when it is too short to have one.
func Prefix(id string) string {
	if len(id) < 3 {
		return ""
	}
	return id[:3]
}

// Base62 writes n with at least width digits.
func Base62(n uint64, width int) string {
	var b []byte
	for n > 0 || len(b) < width {
		b = append(b, digits[n%62])
		n /= 62
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
