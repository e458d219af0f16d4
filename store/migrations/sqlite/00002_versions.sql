-- +goose Up

-- A version is recorded once: of two processes that migrate at the same time the later one's transaction is undone.
CREATE UNIQUE INDEX goose_db_version_once ON goose_db_version (version_id);
