-- Which records a pair refers to that nobody knew when it was decided about.

-- +goose Up
CREATE TABLE expected (
  pair_id   TEXT NOT NULL,
  object    TEXT NOT NULL,
  side      TEXT NOT NULL,
  record_id TEXT NOT NULL,
  PRIMARY KEY (object, side, record_id, pair_id)
);
CREATE INDEX expected_pair ON expected (pair_id);

-- What was held for such a record before this table was there is decided once more, and finds its way into it.
INSERT INTO pending (pair_id, object, priority, since, not_before, gen, attempts, reason, waits_for, lease_by, lease_until)
  SELECT id, object, 10, created_at, 0, 1, 0, 'what it refers to may be known now', '', '', 0 FROM pair
  WHERE state <> 'closed' AND id IN (SELECT pair_id FROM conflict WHERE state = 'open' AND reason = 'missing_parent')
  ON CONFLICT (pair_id) DO NOTHING;
