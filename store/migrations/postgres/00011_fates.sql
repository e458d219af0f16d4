-- +goose Up

-- Deeds are found by the input they belong to, and the unfinished ones among those after lanes.settled. No index names
-- their state, so that telling an outcome rewrites no index.
ALTER TABLE deeds DROP CONSTRAINT deeds_pkey;
ALTER TABLE deeds ADD PRIMARY KEY (lane, seq, n);
DROP INDEX deeds_unfinished;
DROP INDEX deeds_failed;
