-- What operators decide, and which run wrote what.

-- +goose Up
ALTER TABLE written ADD COLUMN run TEXT NOT NULL DEFAULT '';
CREATE INDEX written_run ON written (run, id) WHERE run <> '';

-- A side that an operator gave a contested field to, with the values that he saw: it holds for these alone.
CREATE TABLE award (
  pair_id     TEXT   NOT NULL,
  field       TEXT   NOT NULL,
  side        TEXT   NOT NULL,
  left_value  TEXT   NOT NULL,
  right_value TEXT   NOT NULL,
  actor       TEXT   NOT NULL,
  awarded_at  BIGINT NOT NULL,
  PRIMARY KEY (pair_id, field)
);
CREATE INDEX audit_at ON audit (at);
