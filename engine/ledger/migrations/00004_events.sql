-- What vendors publish, and what triggers make of it.

-- +goose Up
-- An event as one trigger takes it: recorded once, with the cursor behind it, and settled once. Waiting: the record that
-- it is about is not known yet. Fired: its actions are in trigger_firing. Passed: the condition said no. Failed: there is
-- a dead letter. left_id and right_id are how either side would spell the record's id.
CREATE TABLE trigger_event (
  trigger_name TEXT   NOT NULL,
  connection   TEXT   NOT NULL,
  event_id     TEXT   NOT NULL,
  event        TEXT   NOT NULL,
  object       TEXT   NOT NULL,
  left_id      TEXT   NOT NULL,
  right_id     TEXT   NOT NULL,
  payload      TEXT   NOT NULL,
  state        TEXT   NOT NULL,
  attempts     BIGINT NOT NULL,
  not_before   BIGINT NOT NULL,
  error        TEXT   NOT NULL,
  created_at   BIGINT NOT NULL,
  PRIMARY KEY (trigger_name, connection, event_id)
);
CREATE INDEX trigger_event_next ON trigger_event (not_before) WHERE state = 'waiting';
CREATE INDEX trigger_event_age ON trigger_event (created_at) WHERE state IN ('fired', 'passed');

-- Stretches of which a vendor kept no events when somebody came back for them.
CREATE TABLE event_gap (
  connection TEXT   NOT NULL,
  name       TEXT   NOT NULL,
  since      BIGINT NOT NULL,
  found_at   BIGINT NOT NULL,
  PRIMARY KEY (connection, name, since)
);

CREATE INDEX trigger_firing_name ON trigger_firing (trigger_name, created_at);
