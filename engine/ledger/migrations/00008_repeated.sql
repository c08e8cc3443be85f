-- When writes went out last: an unanswered batch may be sent again under its key, and be under way anew.

-- +goose Up
ALTER TABLE intent ADD COLUMN tried_at BIGINT NOT NULL DEFAULT 0;
