-- One text for SQLite and PostgreSQL. Times are milliseconds since the Unix epoch; JSON is text; booleans are 0 and 1.
-- Text ids are 32 hexadecimal digits that sort by age.

-- +goose Up
CREATE TABLE contract (
  serial     BIGINT PRIMARY KEY,
  digest     TEXT   NOT NULL,
  source     BYTEA  NOT NULL,
  applied_at BIGINT NOT NULL,
  actor      TEXT   NOT NULL
);

CREATE TABLE resource (
  address    TEXT   PRIMARY KEY,
  connection TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  vendor_id  TEXT   NOT NULL,
  managed    BIGINT NOT NULL,
  object     TEXT   NOT NULL,
  field      TEXT   NOT NULL,
  attributes TEXT   NOT NULL,
  depends_on TEXT   NOT NULL,
  applied_at BIGINT NOT NULL
);

-- What must not be destroyed, by address of the contract. It outlives the block that said so.
CREATE TABLE protection (
  address TEXT   PRIMARY KEY,
  since   BIGINT NOT NULL
);

CREATE TABLE run (
  id       TEXT   PRIMARY KEY,
  kind     TEXT   NOT NULL,
  started  BIGINT NOT NULL,
  finished BIGINT NOT NULL,
  summary  TEXT   NOT NULL
);

CREATE TABLE apply_journal (
  run      TEXT   NOT NULL,
  seq      BIGINT NOT NULL,
  address  TEXT   NOT NULL,
  action   TEXT   NOT NULL,
  state    TEXT   NOT NULL,
  detail   TEXT   NOT NULL,
  change   TEXT   NOT NULL,
  started  BIGINT NOT NULL,
  finished BIGINT NOT NULL,
  PRIMARY KEY (run, seq)
);
CREATE INDEX apply_journal_unfinished ON apply_journal (started) WHERE state = 'started';

CREATE TABLE pair (
  id         TEXT   PRIMARY KEY,
  object     TEXT   NOT NULL,
  left_id    TEXT,
  right_id   TEXT,
  state      TEXT   NOT NULL,
  base_left  TEXT,
  base_right TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pair_left ON pair (object, left_id);
CREATE UNIQUE INDEX pair_right ON pair (object, right_id);

-- fields is {name: {"v": value, "t": version, "w": written by us and not read back yet}}.
-- full_version: nothing older is unknown. written_version: of our own last write.
CREATE TABLE seen (
  object          TEXT   NOT NULL,
  side            TEXT   NOT NULL,
  record_id       TEXT   NOT NULL,
  pair_id         TEXT   NOT NULL,
  link            TEXT   NOT NULL,
  link_version    BIGINT NOT NULL,
  state           TEXT   NOT NULL,
  fields          TEXT   NOT NULL,
  version         BIGINT NOT NULL,
  full_version    BIGINT NOT NULL,
  written_version BIGINT NOT NULL,
  actor           TEXT   NOT NULL,
  dirty           BIGINT NOT NULL,
  dirty_gen       BIGINT NOT NULL,
  stale_reads     BIGINT NOT NULL,
  seen_at         BIGINT NOT NULL,
  PRIMARY KEY (object, side, record_id)
);
CREATE INDEX seen_pair ON seen (pair_id);
CREATE INDEX seen_link ON seen (object, side, link) WHERE link <> '';
CREATE INDEX seen_dirty ON seen (object, side, seen_at) WHERE dirty = 1;
CREATE INDEX seen_dirty_pair ON seen (pair_id) WHERE dirty = 1;

CREATE TABLE pending (
  pair_id     TEXT   PRIMARY KEY,
  object      TEXT   NOT NULL,
  priority    BIGINT NOT NULL,
  since       BIGINT NOT NULL,
  not_before  BIGINT NOT NULL,
  gen         BIGINT NOT NULL,
  attempts    BIGINT NOT NULL,
  reason      TEXT   NOT NULL,
  waits_for   TEXT   NOT NULL,
  lease_by    TEXT   NOT NULL,
  lease_until BIGINT NOT NULL
);
CREATE INDEX pending_next ON pending (object, priority, since, pair_id);
CREATE INDEX pending_waiting ON pending (waits_for) WHERE waits_for <> '';

CREATE TABLE intent (
  id              TEXT   PRIMARY KEY,
  pair_id         TEXT   NOT NULL,
  object          TEXT   NOT NULL,
  side            TEXT   NOT NULL,
  op              TEXT   NOT NULL,
  record_id       TEXT   NOT NULL,
  link            TEXT   NOT NULL,
  fields          TEXT   NOT NULL,
  before_fields   TEXT   NOT NULL,
  agreed_left     TEXT,
  agreed_right    TEXT,
  priority        BIGINT NOT NULL,
  not_before      BIGINT NOT NULL,
  cause           TEXT   NOT NULL,
  state           TEXT   NOT NULL,
  attempts        BIGINT NOT NULL,
  error           TEXT   NOT NULL,
  batch_id        TEXT   NOT NULL,
  idempotency_key TEXT   NOT NULL,
  sent_at         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX intent_pair ON intent (pair_id, side);
CREATE INDEX intent_next ON intent (object, side, state, priority, created_at, id);

-- Every confirmed write, with what was there before it.
CREATE TABLE written (
  id        TEXT   PRIMARY KEY,
  at        BIGINT NOT NULL,
  object    TEXT   NOT NULL,
  pair_id   TEXT   NOT NULL,
  side      TEXT   NOT NULL,
  op        TEXT   NOT NULL,
  record_id TEXT   NOT NULL,
  before_fields TEXT NOT NULL,
  after_fields  TEXT NOT NULL,
  cause     TEXT   NOT NULL,
  batch_id  TEXT   NOT NULL
);
CREATE INDEX written_pair ON written (pair_id, id);
CREATE INDEX written_at ON written (object, at);

CREATE TABLE deadletter (
  id          BIGINT PRIMARY KEY,
  object      TEXT   NOT NULL,
  pair_id     TEXT   NOT NULL,
  side        TEXT   NOT NULL,
  op          TEXT   NOT NULL,
  record_id   TEXT   NOT NULL,
  payload     TEXT   NOT NULL,
  kind        TEXT   NOT NULL,
  code        TEXT   NOT NULL,
  message     TEXT   NOT NULL,
  request_id  TEXT   NOT NULL,
  remedy      TEXT   NOT NULL,
  fields      TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  state       TEXT   NOT NULL,
  resolved_at BIGINT NOT NULL
);
CREATE INDEX deadletter_open ON deadletter (object, pair_id, side) WHERE state = 'open';
CREATE INDEX deadletter_pair ON deadletter (pair_id);

CREATE TABLE conflict (
  id          BIGINT PRIMARY KEY,
  object      TEXT   NOT NULL,
  pair_id     TEXT   NOT NULL,
  field       TEXT   NOT NULL,
  reason      TEXT   NOT NULL,
  left_value  TEXT   NOT NULL,
  right_value TEXT   NOT NULL,
  base_value  TEXT   NOT NULL,
  detail      TEXT   NOT NULL,
  remedy      TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  state       TEXT   NOT NULL
);
CREATE UNIQUE INDEX conflict_open ON conflict (pair_id, field, reason) WHERE state = 'open';
CREATE INDEX conflict_pair ON conflict (pair_id);

-- The last number given out, by name: dead letters, conflicts, writes.
CREATE TABLE numbering (
  name TEXT   PRIMARY KEY,
  last BIGINT NOT NULL
);

CREATE TABLE stream_cursor (
  connection TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  position   TEXT   NOT NULL,
  moved_at   BIGINT NOT NULL,
  PRIMARY KEY (connection, name)
);

CREATE TABLE lane (
  name        TEXT   PRIMARY KEY,
  lease_by    TEXT   NOT NULL,
  lease_until BIGINT NOT NULL,
  token       BIGINT NOT NULL
);

CREATE TABLE trigger_firing (
  trigger_name TEXT   NOT NULL,
  pair_id      TEXT   NOT NULL,
  occurrence   TEXT   NOT NULL,
  payload      TEXT   NOT NULL,
  state        TEXT   NOT NULL,
  attempts     BIGINT NOT NULL,
  not_before   BIGINT NOT NULL,
  lease_by     TEXT   NOT NULL,
  lease_until  BIGINT NOT NULL,
  error        TEXT   NOT NULL,
  created_at   BIGINT NOT NULL,
  PRIMARY KEY (trigger_name, pair_id, occurrence)
);
CREATE INDEX trigger_firing_next ON trigger_firing (not_before) WHERE state = 'ready';

CREATE TABLE budget (
  connection TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  span       TEXT   NOT NULL,
  used       BIGINT NOT NULL,
  ceiling    BIGINT NOT NULL,
  PRIMARY KEY (connection, name, span)
);

CREATE TABLE audit (
  seq        BIGINT PRIMARY KEY,
  at         BIGINT NOT NULL,
  connection TEXT   NOT NULL,
  operation  TEXT   NOT NULL,
  initiator  TEXT   NOT NULL,
  request    TEXT   NOT NULL,
  status     BIGINT NOT NULL,
  row_count  BIGINT NOT NULL,
  request_id TEXT   NOT NULL,
  duration   BIGINT NOT NULL,
  error      TEXT   NOT NULL,
  prev_hash  TEXT   NOT NULL,
  hash       TEXT   NOT NULL
);
