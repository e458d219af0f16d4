package store

import (
	"strings"

	"gorm.io/gorm/clause"
)

// A column is one column of a table that a statement brings along.
type column struct {
	name string
	// kind is PostgreSQL's type of one value.
	kind string
	// array points to the slice of all values. The pointer keeps GORM from spreading the slice into a list; pgx
	// follows it and sends one array in binary form, in which nil is NULL.
	array any
	rows  int
	at    func(row int) any
}

func columnOf[R, V any](name, kind string, rows []R, value func(R) V) column {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	return column{name: name, kind: kind, array: &values, rows: len(rows), at: func(i int) any { return values[i] }}
}

func texts[R any](name string, rows []R, value func(R) string) column {
	return columnOf(name, "text", rows, value)
}

func numbers[R any](name string, rows []R, value func(R) int64) column {
	return columnOf(name, "bigint", rows, value)
}

func flags[R any](name string, rows []R, value func(R) bool) column {
	return columnOf(name, "boolean", rows, value)
}

// blobs are NULL where value is nil.
func blobs[R any](name string, rows []R, value func(R) []byte) column {
	return columnOf(name, "bytea", rows, value)
}

// table is a FROM item named t that holds the columns, to be passed for a question mark. The columns are equally long
// and have at least one row.
//
//	PostgreSQL  unnest($1::text[], $2::bigint[]) AS t(lane, fence)
//	SQLite      (SELECT column1 AS lane, column2 AS fence FROM (VALUES (?,?),(?,?))) AS t
func (s *Store) table(columns ...column) clause.Expr {
	if s.sqlite() {
		return valuesTable(columns)
	}
	var sql, names strings.Builder
	vars := make([]any, len(columns))
	for i, c := range columns {
		if i > 0 {
			sql.WriteString(", ")
			names.WriteString(", ")
		}
		sql.WriteString("?::" + c.kind + "[]")
		names.WriteString(c.name)
		vars[i] = c.array
	}
	return clause.Expr{SQL: "unnest(" + sql.String() + ") AS t(" + names.String() + ")", Vars: vars}
}

func valuesTable(columns []column) clause.Expr {
	var sql strings.Builder
	sql.WriteString("(SELECT ")
	for i, c := range columns {
		if i > 0 {
			sql.WriteString(", ")
		}
		sql.WriteString("column")
		sql.WriteString(itoa(i + 1))
		sql.WriteString(" AS " + c.name)
	}
	sql.WriteString(" FROM (VALUES ")
	rows := columns[0].rows
	row := "(" + strings.Repeat("?,", len(columns)-1) + "?)"
	vars := make([]any, 0, rows*len(columns))
	for i := range rows {
		if i > 0 {
			sql.WriteByte(',')
		}
		sql.WriteString(row)
		for _, c := range columns {
			vars = append(vars, c.at(i))
		}
	}
	sql.WriteString(")) AS t")
	return clause.Expr{SQL: sql.String(), Vars: vars}
}
