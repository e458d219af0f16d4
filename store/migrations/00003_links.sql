-- +goose Up

-- A contract or line is linked to one LINE account (ACC-04).
CREATE TABLE links (
	kind     TEXT   NOT NULL,
	ref      TEXT   NOT NULL,
	lane     TEXT   NOT NULL,
	label    TEXT   NOT NULL,
	nickname TEXT   NOT NULL,
	at       BIGINT NOT NULL,
	PRIMARY KEY (kind, ref)
);
CREATE INDEX links_lane ON links (lane);

CREATE TABLE audit (
	id     TEXT   NOT NULL PRIMARY KEY,
	at     BIGINT NOT NULL,
	actor  TEXT   NOT NULL,
	kind   TEXT   NOT NULL,
	link   TEXT   NOT NULL,
	ref    TEXT   NOT NULL,
	reason TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- Wrong usage codes of all people together (LNK-25).
CREATE TABLE wrong_codes (
	id TEXT   NOT NULL PRIMARY KEY,
	at BIGINT NOT NULL
);
CREATE INDEX wrong_codes_at ON wrong_codes (at);

-- Tokens, nonces and sign-in names are kept as keyed hashes only.
CREATE TABLE link_tokens (
	hash       TEXT   NOT NULL PRIMARY KEY,
	lane       TEXT   NOT NULL,
	expires_at BIGINT NOT NULL
);

CREATE TABLE nonces (
	hash       TEXT   NOT NULL PRIMARY KEY,
	lane       TEXT   NOT NULL, -- who asked for the sign-in
	ref        TEXT   NOT NULL, -- the contract
	login_id   BYTEA,           -- sealed
	expires_at BIGINT NOT NULL,
	used_by    TEXT
);

-- Attempts to sign in, a row a name and a row a LINE account (LNK-15). times is a JSON array.
CREATE TABLE sign_ins (
	hash         TEXT   NOT NULL PRIMARY KEY,
	times        TEXT   NOT NULL,
	locked_until BIGINT NOT NULL,
	updated_at   BIGINT NOT NULL
);
