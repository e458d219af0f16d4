-- +goose Up

-- What was given up on, for `tsunagu events`. Parked inputs have a table of their own: an index on their fate would
-- make every turn rewrite the indexes of inputs.
CREATE TABLE parked (
	id TEXT   NOT NULL PRIMARY KEY, -- the input's
	at BIGINT NOT NULL
);
CREATE INDEX deeds_failed ON deeds (at) WHERE state IN ('failed', 'in doubt');
