-- +goose Up

ALTER TABLE lanes ADD COLUMN settled BIGINT NOT NULL DEFAULT 0; -- the deeds of every number up to here are finished
UPDATE lanes SET settled = done WHERE NOT EXISTS (
	SELECT 1 FROM deeds d WHERE d.lane = lanes.lane AND d.state IN ('planned', 'sending', 'unknown'));
ALTER TABLE inputs ADD COLUMN turned_by TEXT; -- the build of the program that turned it

-- What was given up on, for `tsunagu events`: parked inputs, and those with a message that failed or is in doubt. A
-- table of its own, for an index on their fate would make every turn rewrite the indexes of inputs.
ALTER TABLE parked RENAME TO given_up;
INSERT INTO given_up (id, at)
	SELECT i.id, i.at FROM inputs i WHERE i.id NOT IN (SELECT id FROM given_up) AND EXISTS (
		SELECT 1 FROM deeds d WHERE d.lane = i.lane AND d.seq = i.seq AND d.state IN ('failed', 'in doubt') AND d.kind <> 'menu');

-- The oldest schema whose program can still work with this one. A step that only adds leaves it as it is, and programs
-- of both versions run side by side while they are replaced; one that takes away raises it to its own number.
CREATE TABLE schema_floor (
	oldest BIGINT NOT NULL
);
INSERT INTO schema_floor (oldest) VALUES (13);
