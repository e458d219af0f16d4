-- +goose Up

-- What was given up on, for `tsunagu events`: few rows among many.
CREATE INDEX inputs_parked ON inputs (at) WHERE fate = 'parked';
CREATE INDEX deeds_failed ON deeds (at) WHERE state IN ('failed', 'in doubt');
