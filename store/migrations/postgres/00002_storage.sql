-- +goose Up

-- Keys are ASCII: comparing bytes is faster than a language's order, gives every connection the same lock order, and
-- does not change with the C library.
ALTER TABLE lanes ALTER COLUMN lane TYPE TEXT COLLATE "C";
ALTER TABLE inputs ALTER COLUMN lane TYPE TEXT COLLATE "C", ALTER COLUMN id TYPE TEXT COLLATE "C",
	ALTER COLUMN message_id TYPE TEXT COLLATE "C";
ALTER TABLE deeds ALTER COLUMN lane TYPE TEXT COLLATE "C", ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE conversations ALTER COLUMN lane TYPE TEXT COLLATE "C";
ALTER TABLE timers ALTER COLUMN lane TYPE TEXT COLLATE "C";
ALTER TABLE erased ALTER COLUMN lane TYPE TEXT COLLATE "C", ALTER COLUMN message_id TYPE TEXT COLLATE "C";

-- Rows that are written several times within a second: room for their next version on the same page, and dead versions
-- cleared away often, so that the search for due lanes does not wade through them.
ALTER TABLE lanes SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
	autovacuum_vacuum_cost_delay = 0);
ALTER TABLE inputs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE deeds SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE conversations SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
