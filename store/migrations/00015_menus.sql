-- +goose Up

-- The rich menu each person was linked to last, by alias; '?' when that failed. What LINE shows may differ all the same.
CREATE TABLE menus (
	lane  TEXT   NOT NULL PRIMARY KEY,
	alias TEXT   NOT NULL,
	at    BIGINT NOT NULL
);
