-- What triggers need to act once for each occurrence.

-- +goose Up
-- A pair is fresh until it was first decided about, when its record was told live and not found by a listing of
-- everything: triggers take such a record for created.
ALTER TABLE pair ADD COLUMN fresh BIGINT NOT NULL DEFAULT 0;

-- What triggers saw last of a pair: canonical values by contract field.
CREATE TABLE trigger_saw (
  pair_id TEXT PRIMARY KEY,
  fields  TEXT NOT NULL
);

-- sent_at: when it was first tried and may have been carried out; 0 = it surely was not. tried_at: the last such try.
ALTER TABLE trigger_firing ADD COLUMN object TEXT NOT NULL DEFAULT '';
ALTER TABLE trigger_firing ADD COLUMN sent_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trigger_firing ADD COLUMN tried_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trigger_firing ADD COLUMN result TEXT NOT NULL DEFAULT '';
CREATE INDEX trigger_firing_waiting ON trigger_firing (pair_id) WHERE state = 'waiting';

-- Of a trigger's action that failed for good; both empty for a write.
ALTER TABLE deadletter ADD COLUMN trigger_name TEXT NOT NULL DEFAULT '';
ALTER TABLE deadletter ADD COLUMN occurrence TEXT NOT NULL DEFAULT '';
