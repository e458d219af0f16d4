// Package store keeps what happens to people, and what follows from it, in PostgreSQL or SQLite.
//
// An arrival is stored before anything else is done with it; a worker then claims its lane, works it in order, and
// saves every step:
//
//	Accept ──▶ inputs ──▶ Claim ──▶ (a turn, in package bot) ──▶ Save ──▶ … ──▶ Save with Release
//
// # Lanes
//
// The row of a lane in table lanes is the lock of everything that belongs to the lane. Accept hands out numbers under
// it, Claim raises its fence under it, and Save looks under it whether the fence is still its own. Three promises follow:
//
//   - The order of numbers is the order of commits: whoever sees an input sees all with lower numbers. A number may be
//     missing, never late.
//   - Only the owner of a lane's newest fence changes what the lane holds: its conversation, links, timers and deeds.
//     Whoever lost the lane, alive or not, gets flows.ErrFenced and changes nothing.
//   - Nothing waits unnoticed: a lane with waiting inputs or unfinished deeds has a due_at. While a worker has the
//     lane that is the end of its lease, so a dead worker is succeeded without anybody's doing.
//
// On PostgreSQL a statement sees the database as it was when the statement began, also after it waited for a lock.
// Therefore the lock is a statement of its own, and what must be up to date is read by a later one.
//
// Locks are taken in one order, so that transactions do not wait for each other in a circle: lanes by name, then inputs
// by ID, then links by kind and ref, then the desk. What belongs to one lane needs no order. Where a circle happens all the same (a
// first letter to a lane that appears at that moment), the database undoes one transaction, which is run again.
//
// # Group commit
//
// Calls of Accept that come while a commit is under way share the next one, and so do calls of Save: see group. There
// is no timer; a call that comes alone is committed at once.
//
// # Files
//
//	store.go    opening and closing, transactions, which errors are worth another try
//	migrate.go  the schema: migrations/*.sql for both databases, migrations/postgres and migrations/sqlite for one
//	array.go    tables as arguments of a statement
//	group.go    group commit
//	seal.go     bodies at rest, keyed hashes
//	accept.go   arrivals in
//	claim.go    lanes out to workers
//	save.go     a turn and its outcomes; record.go: its timers, audit entries, unsent messages
//	link.go     links, link tokens, nonces, letters
//	signin.go   attempts to sign in
//	desk.go     support sessions and who has them; deskread.go: what the desk shows; operators.go: its accounts
//	notify.go   waking other processes
//	events.go   the fate of one event, and what was given up on
//	retention.go what goes after a while
//
// Statements are written once for both databases wherever that can be; times are microseconds since 1970 UTC in all
// tables. Bodies are sealed (AES-256-GCM); codes, tokens and nonces are kept as keyed hashes only.
package store
