-- +goose Up

-- The built-in carrier, package store/ledger. Times are microseconds since 1970 UTC; days are YYYY-MM-DD, months YYYY-MM.

CREATE TABLE ledger_contracts (
    id                  TEXT PRIMARY KEY,
    login_id            TEXT NOT NULL UNIQUE,
    password            TEXT NOT NULL, -- argon2id as a PHC string
    holder_name         TEXT NOT NULL,
    holder_kana         TEXT NOT NULL,
    holder_birthdate    TEXT NOT NULL,
    mnp                 INTEGER NOT NULL CHECK (mnp IN (0, 1)),
    switch_completed_at BIGINT,
    shipping_mail_at    BIGINT,
    line_points         BIGINT NOT NULL CHECK (line_points >= 0)
);

CREATE TABLE ledger_lines (
    id             TEXT PRIMARY KEY,
    contract_id    TEXT NOT NULL REFERENCES ledger_contracts (id),
    msisdn         TEXT NOT NULL UNIQUE,
    user_name      TEXT NOT NULL,
    user_kana      TEXT NOT NULL,
    user_birthdate TEXT NOT NULL,
    usage_code     TEXT NOT NULL UNIQUE, -- HMAC-SHA256 of the code; nothing else of it is kept (LNK-30)
    plan_name      TEXT NOT NULL,
    quota_mb       BIGINT NOT NULL CHECK (quota_mb >= 0),
    base_fee_yen   BIGINT NOT NULL CHECK (base_fee_yen >= 0),
    status         TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'ended')),
    gift_enabled   INTEGER NOT NULL CHECK (gift_enabled IN (0, 1)),
    ended_at       BIGINT,
    CHECK ((status = 'ended') = (ended_at IS NOT NULL))
);

CREATE INDEX ledger_lines_contract ON ledger_lines (contract_id);
CREATE INDEX ledger_lines_ended ON ledger_lines (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE ledger_bills (
    contract_id       TEXT NOT NULL REFERENCES ledger_contracts (id),
    month             TEXT NOT NULL,
    base_fee_sen      BIGINT NOT NULL CHECK (base_fee_sen >= 0), -- 100 sen are 1 yen
    options_sen       BIGINT NOT NULL CHECK (options_sen >= 0),
    calls_sen         BIGINT NOT NULL CHECK (calls_sen >= 0),
    universal_fee_sen BIGINT NOT NULL CHECK (universal_fee_sen >= 0),
    relay_fee_sen     BIGINT NOT NULL CHECK (relay_fee_sen >= 0),
    points_used       BIGINT NOT NULL CHECK (points_used >= 0),
    status            TEXT NOT NULL,
    PRIMARY KEY (contract_id, month)
);

-- The books. An account holds bytes (1 MB is 1,000,000) of one line or, without a line, of the carrier; its id is
-- '<line id>/<name>' or 'carrier/<name>'. A line's account never goes below zero; the carrier's issued one is as far
-- below as data was given out.
CREATE TABLE ledger_accounts (
    id        TEXT PRIMARY KEY,
    line_id   TEXT REFERENCES ledger_lines (id),
    name      TEXT NOT NULL,
    bytes     BIGINT NOT NULL,
    until     BIGINT, -- from then on the data cannot be used; of the account used: from then on it is last month's use
    stated_mb BIGINT, -- what a carrier file said last, and when
    stated_at BIGINT,
    UNIQUE (line_id, name),
    CHECK (line_id IS NULL OR bytes >= 0)
);

INSERT INTO ledger_accounts (id, name, bytes) VALUES
    ('carrier/issued', 'issued', 0),     -- where all data comes from
    ('carrier/consumed', 'consumed', 0), -- where the use of months gone by ends
    ('carrier/expired', 'expired', 0);   -- where data ends that ran out unused

-- A transfer is done once: its id is what an operation is known by, such as the id of a gift (GFT-35).
CREATE TABLE ledger_transfers (
    id   TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at   BIGINT NOT NULL
);

-- A posting takes from one account what it gives to another, so no row can make data or lose it.
CREATE TABLE ledger_postings (
    transfer     TEXT NOT NULL REFERENCES ledger_transfers (id),
    n            INTEGER NOT NULL,
    from_account TEXT NOT NULL REFERENCES ledger_accounts (id),
    to_account   TEXT NOT NULL REFERENCES ledger_accounts (id),
    bytes        BIGINT NOT NULL CHECK (bytes > 0),
    PRIMARY KEY (transfer, n),
    CHECK (from_account <> to_account)
);
