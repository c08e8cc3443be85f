package plan

// shortDigest is how much of a digest people are shown: no two plans that they will ever compare share as much.
const shortDigest = 12

// ShortDigest is the beginning of the digest, for people to read and to approve by; "unsealed" for a plan that has none.
func (p *Plan) ShortDigest() string {
	if p.Digest == "" {
		return "unsealed"
	}
	return p.Digest[:min(len(p.Digest), shortDigest)]
}
