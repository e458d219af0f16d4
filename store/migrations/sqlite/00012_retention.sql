-- +goose Up

-- For the daily sweep. Rows come in the order of their times, so an insert touches the last page only.
CREATE INDEX inputs_at ON inputs (at);
CREATE INDEX erased_at ON erased (at);
CREATE INDEX link_tokens_expire ON link_tokens (expires_at);
CREATE INDEX nonces_expire ON nonces (expires_at);
CREATE INDEX sign_ins_updated ON sign_ins (updated_at);
