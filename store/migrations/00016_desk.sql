-- +goose Up

-- The operators' desk. One row: whoever changes a session or the desk holds it until the commit, so that versions are seen
-- in their order and no seat is given twice.
CREATE TABLE desk (
	id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	version   BIGINT  NOT NULL,
	auto      BOOLEAN NOT NULL, -- people are handed out by themselves
	day       TEXT    NOT NULL, -- YYYY-MM-DD with other hours than usual, '' for none
	opens     BIGINT  NOT NULL, -- of that day, microseconds since midnight
	closes    BIGINT  NOT NULL
);
INSERT INTO desk (id, version, auto, day, opens, closes) VALUES (1, 0, false, '', 0, 0);

-- One support session of a person. phase is queued, connected, writing, left or closed; operator has or gets the person.
CREATE TABLE help_sessions (
	id        TEXT    NOT NULL PRIMARY KEY,
	lane      TEXT    NOT NULL,
	phase     TEXT    NOT NULL,
	operator  TEXT    NOT NULL,
	front     BOOLEAN NOT NULL, -- given back by an operator: before all others
	began_at  BIGINT  NOT NULL,
	since     BIGINT  NOT NULL, -- waits since
	taken_at  BIGINT,           -- first taken
	handled_by TEXT   NOT NULL, -- who had the person last
	last_at   BIGINT  NOT NULL, -- of the last entry
	last_by   TEXT    NOT NULL,
	preview   TEXT    NOT NULL,
	ended_at  BIGINT,
	ended     TEXT    NOT NULL, -- why
	tags      TEXT    NOT NULL, -- separated by commas
	score     INTEGER,
	comment   TEXT    NOT NULL,
	checks    INTEGER NOT NULL, -- failed identity checks
	checked   BOOLEAN NOT NULL,
	name      TEXT    NOT NULL, -- on LINE, as last told
	picture   TEXT    NOT NULL,
	version   BIGINT  NOT NULL
);
CREATE INDEX help_waiting ON help_sessions (since, id) WHERE phase IN ('queued', 'left') AND operator = '';
CREATE INDEX help_going ON help_sessions (phase, last_at, id) WHERE phase <> 'closed';
CREATE INDEX help_closed ON help_sessions (ended_at, id) WHERE phase = 'closed';
CREATE INDEX help_busy ON help_sessions (operator) WHERE operator <> '' AND phase <> 'closed';
CREATE INDEX help_began ON help_sessions (began_at);
CREATE INDEX help_lane ON help_sessions (lane, began_at);
CREATE INDEX help_version ON help_sessions (version);

CREATE TABLE help_entries (
	session    TEXT   NOT NULL,
	pos        BIGINT NOT NULL, -- grows within a session
	id         TEXT   NOT NULL UNIQUE,
	at         BIGINT NOT NULL,
	who        TEXT   NOT NULL,
	name       TEXT   NOT NULL,
	kind       TEXT   NOT NULL,
	text       TEXT   NOT NULL,
	message_id TEXT   NOT NULL,
	attachment TEXT   NOT NULL, -- JSON
	delivery   TEXT   NOT NULL,
	error      TEXT   NOT NULL,
	erased     BOOLEAN NOT NULL,
	version    BIGINT NOT NULL,
	PRIMARY KEY (session, pos)
);
CREATE INDEX help_entries_notes ON help_entries (version) WHERE who = 'note'; -- whom colleagues mention
CREATE INDEX help_entries_message ON help_entries (message_id) WHERE message_id <> '';

-- Two characters that stand side by side in an entry, for search.
CREATE TABLE help_grams (
	gram    TEXT   NOT NULL,
	session TEXT   NOT NULL,
	pos     BIGINT NOT NULL,
	PRIMARY KEY (gram, session, pos)
);
CREATE INDEX help_grams_entry ON help_grams (session, pos); -- to forget an entry

CREATE TABLE operators (
	name       TEXT    NOT NULL PRIMARY KEY,
	display    TEXT    NOT NULL, -- on LINE
	role       TEXT    NOT NULL,
	password   TEXT    NOT NULL, -- argon2id as a PHC string, '' with the company's identity provider
	totp       BYTEA,            -- sealed, NULL while not in use
	totp_step  BIGINT  NOT NULL, -- the last one used
	recovery   TEXT    NOT NULL, -- hashes of unused codes, separated by spaces
	disabled   BOOLEAN NOT NULL,
	presence   TEXT    NOT NULL, -- off, away, on
	seats      INTEGER NOT NULL,
	free_since BIGINT  NOT NULL, -- since when they have had no new person, for the order of handing out
	seen_at    BIGINT  NOT NULL
);

CREATE TABLE operator_sessions (
	hash       TEXT   NOT NULL PRIMARY KEY,
	id         TEXT   NOT NULL UNIQUE, -- shown to the admin, who ends it
	operator   TEXT   NOT NULL,
	began_at   BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,
	address    TEXT   NOT NULL,
	agent      TEXT   NOT NULL
);

CREATE TABLE canned_replies (
	id    TEXT NOT NULL PRIMARY KEY,
	title TEXT NOT NULL,
	text  TEXT NOT NULL
);

-- What operators send, and what people sent and was looked at. body is sealed.
CREATE TABLE help_files (
	id      TEXT   NOT NULL PRIMARY KEY,
	session TEXT   NOT NULL,
	type    TEXT   NOT NULL,
	at      BIGINT NOT NULL,
	body    BYTEA
);
CREATE INDEX help_files_session ON help_files (session);
