-- +goose Up

-- Times are microseconds since 1970 in UTC, on both databases, so that they compare alike everywhere.

-- A lane is one person's queue. due_at is when it wants a worker: NULL for never, the end of the lease while a worker
-- has it (owner), the end of the pause while it backs off (paused). An arrival makes a lane due that is neither.
CREATE TABLE lanes (
	lane   TEXT    NOT NULL PRIMARY KEY,
	tail   BIGINT  NOT NULL, -- the last number handed out
	done   BIGINT  NOT NULL, -- every number up to here is finished
	due_at BIGINT,
	owner  BOOLEAN NOT NULL,
	paused BOOLEAN NOT NULL,
	fence  BIGINT  NOT NULL, -- grows with every claim
	tries  INTEGER NOT NULL  -- how often the first waiting input was taken up
);
CREATE INDEX lanes_due ON lanes (due_at) WHERE due_at IS NOT NULL;

-- What arrived. body is sealed, and NULL once it was erased; fate is NULL while the input waits.
CREATE TABLE inputs (
	lane       TEXT   NOT NULL,
	seq        BIGINT NOT NULL,
	id         TEXT   NOT NULL UNIQUE,
	sort       TEXT   NOT NULL,
	at         BIGINT NOT NULL,
	message_id TEXT   NOT NULL,
	body       BYTEA,
	fate       TEXT,
	reason     TEXT,
	turned_at  BIGINT,
	PRIMARY KEY (lane, seq)
);

-- Calls to the outside. id is the input's id, a slash and n.
CREATE TABLE deeds (
	id         TEXT    NOT NULL PRIMARY KEY,
	lane       TEXT    NOT NULL,
	seq        BIGINT  NOT NULL,
	n          INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	tries      INTEGER NOT NULL,
	at         BIGINT  NOT NULL,
	body       BYTEA,
	request_id TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	updated_at BIGINT  NOT NULL
);
CREATE INDEX deeds_unfinished ON deeds (lane, seq, n) WHERE state IN ('planned', 'sending', 'unknown');

CREATE TABLE conversations (
	lane       TEXT   NOT NULL PRIMARY KEY,
	state      TEXT   NOT NULL, -- JSON
	updated_at BIGINT NOT NULL
);

CREATE TABLE timers (
	lane   TEXT   NOT NULL,
	name   TEXT   NOT NULL,
	due_at BIGINT NOT NULL,
	PRIMARY KEY (lane, name)
);

-- Messages that were unsent, also those that have not arrived yet.
CREATE TABLE erased (
	lane       TEXT   NOT NULL,
	message_id TEXT   NOT NULL,
	at         BIGINT NOT NULL,
	PRIMARY KEY (lane, message_id)
);
