-- What becomes of records that went, were merged, or lost their partner.

-- +goose Up
-- removed: our own write archived or deleted it. merged_into: the record of the same side that it became part of.
ALTER TABLE seen ADD COLUMN removed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE seen ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';

-- lone: what becomes of a record whose partner was taken from it: '', let_go, dismissed or renewed.
ALTER TABLE pair ADD COLUMN lone TEXT NOT NULL DEFAULT '';

-- unlink: the write clears the record's key.
ALTER TABLE intent ADD COLUMN unlink BIGINT NOT NULL DEFAULT 0;
