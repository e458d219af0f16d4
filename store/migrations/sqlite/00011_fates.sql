-- +goose Up

-- Deeds are found by the input they belong to, and the unfinished ones among those after lanes.settled. No index names
-- their state, so that telling an outcome rewrites no index.
CREATE TABLE deeds_of_inputs (
	lane       TEXT    NOT NULL,
	seq        BIGINT  NOT NULL,
	n          INTEGER NOT NULL,
	id         TEXT    NOT NULL,
	kind       TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	tries      INTEGER NOT NULL,
	at         BIGINT  NOT NULL,
	body       BYTEA,
	request_id TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	updated_at BIGINT  NOT NULL,
	PRIMARY KEY (lane, seq, n)
);
INSERT INTO deeds_of_inputs (lane, seq, n, id, kind, state, tries, at, body, request_id, error, updated_at)
	SELECT lane, seq, n, id, kind, state, tries, at, body, request_id, error, updated_at FROM deeds;
DROP TABLE deeds;
ALTER TABLE deeds_of_inputs RENAME TO deeds;
