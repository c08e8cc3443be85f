package lens

import (
	"fmt"
	"strings"

	"accord/engine/record"
)

// referenceCodec carries references to records of another object of the contract. The canonical value holds pair ids.
type referenceCodec struct{ *subject }

func (c *referenceCodec) kind() record.Kind { return record.Reference }

func (c *referenceCodec) get(s record.Side, native []record.Value, env Env) (record.Value, error) {
	if native[0].Kind() != record.Reference {
		return record.Value{}, c.wrongKind(s, native[0])
	}
	var pairs []string
	for _, id := range native[0].Parts() {
		pair, ok := env.PairOf(c.field.Reference.Name, s, id)
		if !ok {
			r := c.reject(MissingParent, s, id,
				fmt.Sprintf("refers to %s record %s, which is not (yet) one of object %q", system(s), c.show(id), c.field.Reference.Name),
				"check that it is in the scope of that object")
			r.Record = id
			return record.Value{}, r
		}
		pairs = append(pairs, pair)
	}
	return record.OfReference(pairs...), nil
}

func (c *referenceCodec) put(s record.Side, canonical record.Value, _ []record.Value, env Env) ([]record.Value, error) {
	var ids []string
	for _, pair := range canonical.Parts() {
		id, ok := env.RecordOf(c.field.Reference.Name, s, pair)
		if !ok {
			r := c.reject(MissingParent, s, pair,
				fmt.Sprintf("refers to a record of object %q that has no partner in %s yet", c.field.Reference.Name, system(s)),
				"it is written as soon as there is one")
			r.Pair = pair
			return nil, r
		}
		ids = append(ids, id)
	}
	out := record.OfReference(ids...)
	if !c.shapes[s][0].Many && out.Len() > 1 {
		return nil, c.tooMany(s, out.Len(), "records")
	}
	return []record.Value{out}, nil
}

func (c *referenceCodec) key(canonical record.Value) string { return joined(canonical) }

func joined(v record.Value) string { return strings.Join(v.Parts(), "\x00") }
