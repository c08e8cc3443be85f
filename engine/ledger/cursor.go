package ledger

import (
	"context"
	"fmt"
)

// Cursor is a place in a vendor's stream of changes, or any other mark that a connection must find again.
type Cursor struct{ Connection, Name, Position string }

// Cursor is the position under a name; "" when there is none.
func (l *Ledger) Cursor(ctx context.Context, connection, name string) (position string, err error) {
	err = l.read(ctx, fmt.Sprintf("read cursor %s of %s", name, connection), func(t *tx) error {
		_, err := t.one(`SELECT position FROM stream_cursor WHERE connection = $1 AND name = $2`, []any{connection, name}, &position)
		return err
	})
	return position, err
}

// Cursors are all positions of a connection, by name.
func (l *Ledger) Cursors(ctx context.Context, connection string) (map[string]string, error) {
	all := map[string]string{}
	err := l.read(ctx, "read the cursors of "+connection, func(t *tx) error {
		return t.query(`SELECT name, position FROM stream_cursor WHERE connection = $1`, []any{connection}, func(r row) error {
			var name, position string
			err := r.Scan(&name, &position)
			all[name] = position
			return err
		})
	})
	return all, err
}

// SetCursor moves a cursor. Moving one together with what stands before it is Capture's business.
func (l *Ledger) SetCursor(ctx context.Context, c Cursor) error {
	return l.write(ctx, fmt.Sprintf("move cursor %s of %s", c.Name, c.Connection), nil, func(t *tx) error { return t.setCursor(c) })
}

func (t *tx) setCursor(c Cursor) error {
	_, err := t.exec(`INSERT INTO stream_cursor (connection, name, position, moved_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (connection, name) DO UPDATE SET position = excluded.position, moved_at = excluded.moved_at`,
		c.Connection, c.Name, c.Position, t.now)
	return err
}
