-- +goose Up

-- Gifts of data in the built-in carrier (domain.md §5). Their data lies in the giving line's account 'held' while they are
-- pending. A gift has two transfers at most, gift/<id>/reserve and gift/<id>/settle: the key of ledger_transfers keeps it
-- from being claimed twice, or claimed and returned.
CREATE TABLE ledger_gifts (
    id         TEXT PRIMARY KEY,
    token      TEXT NOT NULL UNIQUE, -- HMAC-SHA256 of the token; nothing else of it is kept
    state      TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'cancelled', 'expired')),
    mb         BIGINT NOT NULL CHECK (mb > 0),
    from_line  TEXT NOT NULL REFERENCES ledger_lines (id),
    to_line    TEXT REFERENCES ledger_lines (id),
    giver      TEXT NOT NULL,
    taker      TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    claim_by   BIGINT NOT NULL, -- exclusive
    settled_at BIGINT,
    settled_by TEXT NOT NULL,   -- the command, so that it can be given again
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    CHECK ((state = 'claimed') = (to_line IS NOT NULL)),
    CHECK (to_line IS NULL OR to_line <> from_line)
);

CREATE INDEX ledger_gifts_from ON ledger_gifts (from_line, made_at);
CREATE INDEX ledger_gifts_to ON ledger_gifts (to_line, settled_at) WHERE to_line IS NOT NULL;
CREATE INDEX ledger_gifts_pending ON ledger_gifts (claim_by) WHERE state = 'pending';

ALTER TABLE ledger_lines ADD COLUMN gift_capable INTEGER NOT NULL DEFAULT 1 CHECK (gift_capable IN (0, 1)); -- GFT-13

-- The lines whose month is over.
CREATE INDEX ledger_accounts_month ON ledger_accounts (until) WHERE name = 'used';
