-- +goose NO TRANSACTION
-- +goose Up

-- For the daily sweep. Rows come in the order of their times, so an insert touches the last page only. Built without
-- holding up what goes on.
CREATE INDEX CONCURRENTLY IF NOT EXISTS inputs_at ON inputs (at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS erased_at ON erased (at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS link_tokens_expire ON link_tokens (expires_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS nonces_expire ON nonces (expires_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS sign_ins_updated ON sign_ins (updated_at);
