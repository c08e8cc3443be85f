-- What guards and full comparisons need to know.

-- +goose Up
-- Records that are not shown, for counting those that are without reading any.
CREATE INDEX seen_gone ON seen (object, side) WHERE state <> 'live';

-- One row for each full comparison of an object, the newest ones; report is what it found, as JSON. finished = 0 while
-- it is under way.
CREATE TABLE verification (
  object   TEXT   NOT NULL,
  started  BIGINT NOT NULL,
  finished BIGINT NOT NULL,
  report   TEXT   NOT NULL,
  PRIMARY KEY (object, started)
);

-- What became of changes, by object and outcome. Open ones are counted where they are: in seen.
CREATE TABLE tally (
  object  TEXT   NOT NULL,
  outcome TEXT   NOT NULL,
  changes BIGINT NOT NULL,
  PRIMARY KEY (object, outcome)
);

-- Fields of a record that changed and of whose change nothing has become yet, as a JSON list; "" in it is the record
-- itself. open_changes counts them.
ALTER TABLE seen ADD COLUMN open_fields TEXT NOT NULL DEFAULT '';
ALTER TABLE seen ADD COLUMN open_changes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX seen_open ON seen (object, open_changes) WHERE open_changes > 0;
