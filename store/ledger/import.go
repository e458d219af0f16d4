package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"tsunagu/flows"
	"tsunagu/store/password"
)

// Changes tells what an import did. The lists name lines by ID, in the order of the file, and no line is in two.
type Changes struct {
	Contracts, Lines Counts
	// Reissued lines have another usage code than before (LNK-29), and UserChanged lines another user, with or without
	// another code (LNK-43). Both lose their link, which is the caller's to end.
	Reissued, UserChanged []string
	// Ended lines were in use before. Their links stay until the month is over: see EndedLines (LNK-46).
	Ended []string
	// Postings is the number of movements of data.
	Postings int
}

// Counts are rows of one kind.
type Counts struct {
	Added, Updated, Unchanged int
}

func (c *Counts) note(added, changed bool) {
	switch {
	case added:
		c.Added++
	case changed:
		c.Updated++
	default:
		c.Unchanged++
	}
}

// String is a line for a terminal.
func (c Changes) String() string {
	s := fmt.Sprintf("contracts: %v; lines: %v", c.Contracts, c.Lines)
	for _, more := range []struct {
		n    int
		what string
	}{
		{len(c.Reissued), "with a new code"}, {len(c.UserChanged), "with another user"}, {len(c.Ended), "ended"},
	} {
		if more.n > 0 {
			s += fmt.Sprintf(", %d %s", more.n, more.what)
		}
	}
	return s
}

func (c Counts) String() string {
	return fmt.Sprintf("%d added, %d updated, %d unchanged", c.Added, c.Updated, c.Unchanged)
}

// Import loads a carrier file: all of it or, with an *ImportError that names every mistake, nothing. It works in tx, or
// with nil in a transaction of its own. What the file does not name stays as it is, and the same file again changes
// nothing. A figure is set when the file says something else than it did last, or says it in another month; so a file
// that is loaded twice does not take back what was used or given away in between.
func (l *Ledger) Import(ctx context.Context, tx *gorm.DB, r io.Reader) (changes Changes, err error) {
	if tx != nil {
		u, err := l.prepare(ctx, tx, r)
		if err != nil {
			return Changes{}, err
		}
		return u.Apply(ctx, tx)
	}
	u, err := l.Prepare(ctx, r)
	if err != nil {
		return Changes{}, err
	}
	err = l.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		changes, err = u.Apply(ctx, tx)
		return err
	})
	if err != nil {
		return Changes{}, err
	}
	return changes, nil
}

// An Update is a carrier file with its passwords hashed: the slow part of an import, done before its transaction.
type Update struct {
	ledger    *Ledger
	file      *File
	problems  *problemList
	passwords []hashed // of file.contracts, in that order
}

// hashed is a password as it is to be stored if stored is what is there now.
type hashed struct {
	stored, hash string
}

// Prepare reads a carrier file and hashes its passwords. Mistakes in the file come with those of Apply, as one error.
func (l *Ledger) Prepare(ctx context.Context, r io.Reader) (*Update, error) {
	return l.prepare(ctx, l.db, r)
}

func (l *Ledger) prepare(ctx context.Context, db *gorm.DB, r io.Reader) (*Update, error) {
	file, problems, err := read(r, l.now(), l.settings.CodeDigits)
	if err != nil {
		return nil, err
	}
	u := &Update{ledger: l, file: file, problems: problems}
	if len(problems.found) > 0 {
		return u, nil // nothing will be stored
	}
	var logins []string
	for _, c := range file.contracts {
		logins = append(logins, c.row.LoginID)
	}
	rows, err := find[contractRow](db.WithContext(ctx), "login_id", logins)
	if err != nil {
		return nil, err
	}
	stored := make(map[string]string)
	for _, row := range rows {
		stored[row.LoginID] = row.Password
	}
	u.passwords = make([]hashed, len(file.contracts))
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		errs    = make([]error, l.hasher.Seats())
	)
	for w := range errs {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(file.contracts)) && errs[w] == nil; i = next.Add(1) - 1 {
				c := file.contracts[i]
				u.passwords[i], errs[w] = l.hashed(ctx, stored[c.row.LoginID], c.password)
			}
		})
	}
	workers.Wait()
	return u, errors.Join(errs...)
}

// hashed keeps the stored hash when it is the password's.
func (l *Ledger) hashed(ctx context.Context, stored, plain string) (hashed, error) {
	if stored != "" {
		same, err := l.hasher.Matches(ctx, stored, plain)
		if err != nil && !errors.Is(err, password.ErrHash) {
			return hashed{}, err
		}
		if same {
			return hashed{stored, stored}, nil
		}
	}
	hash, err := l.hasher.Hash(ctx, plain)
	return hashed{stored, hash}, err
}

// Apply does the import in tx. Imports wait for each other.
func (u *Update) Apply(ctx context.Context, tx *gorm.DB) (Changes, error) {
	tx = tx.WithContext(ctx)
	if err := tx.Clauses(forTransfer).Take(&accountRow{}, "id = ?", issued).Error; err != nil {
		return Changes{}, fmt.Errorf("lock the carrier's books: %w", err)
	}
	in := &importing{l: u.ledger, tx: tx, now: u.ledger.now(), file: u.file}
	in.problems.found = slices.Clone(u.problems.found)
	if err := in.load(); err != nil {
		return Changes{}, fmt.Errorf("read what the carrier has: %w", err)
	}
	in.compare()
	if err := in.problems.err(); err != nil {
		return Changes{}, err
	}
	for i, c := range u.file.contracts {
		password := u.passwords[i]
		if now := in.contracts[c.row.LoginID].Password; now != password.stored { // changed since Prepare
			var err error
			if password, err = u.ledger.hashed(ctx, now, c.password); err != nil {
				return Changes{}, err
			}
		}
		in.contract(c, password.hash)
	}
	if err := in.save(); err != nil {
		return Changes{}, fmt.Errorf("save the carrier file: %w", err)
	}
	return in.changes, nil
}

// importing is one import under way: what is stored, and what is to be.
type importing struct {
	l        *Ledger
	tx       *gorm.DB
	now      time.Time
	file     *File
	problems problemList

	contracts map[string]contractRow     // by login ID
	lines     map[string]lineRow         // by number
	codes     map[string]lineRow         // by usage code
	inUse     map[string]map[string]bool // contract ID → numbers of its lines in use
	bills     map[[2]string]billRow      // by contract ID and month
	accounts  map[string]accountRow      // by ID
	hashes    map[string][]string        // usage code → its hashes

	saveContracts []contractRow
	saveLines     []lineRow
	saveBills     []billRow
	saveAccounts  []accountRow
	moves         []move
	changes       Changes
}

// batch is how many rows one statement names: every dialect's limit on parameters is far above.
const batch = 500

// find reads the rows with one of the keys in a column, in the order of their first column, which is the key.
func find[T any](db *gorm.DB, column string, keys []string) (all []T, err error) {
	db = db.Session(&gorm.Session{}) // so that no condition of one statement stays for the next
	for part := range slices.Chunk(keys, batch) {
		var rows []T
		if err := db.Where(column+" IN ?", part).Order("1").Find(&rows).Error; err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// load reads the stored rows that the file is about.
func (in *importing) load() error {
	in.contracts, in.lines, in.codes = map[string]contractRow{}, map[string]lineRow{}, map[string]lineRow{}
	in.inUse, in.bills, in.accounts = map[string]map[string]bool{}, map[[2]string]billRow{}, map[string]accountRow{}
	in.hashes = map[string][]string{}

	var logins, numbers, codes, contractIDs, lineIDs []string
	for _, c := range in.file.contracts {
		logins = append(logins, c.row.LoginID)
		for _, line := range c.lines {
			numbers = append(numbers, line.row.MSISDN)
			if line.code != "" {
				in.hashes[line.code] = in.l.codeHashes(line.code)
				codes = append(codes, in.hashes[line.code]...)
			}
		}
	}
	contracts, err := find[contractRow](in.tx, "login_id", logins)
	if err != nil {
		return err
	}
	for _, row := range contracts {
		in.contracts[row.LoginID] = row
		contractIDs = append(contractIDs, row.ID)
	}
	for _, by := range []struct {
		column string
		keys   []string
	}{{"contract_id", contractIDs}, {"msisdn", numbers}, {"usage_code", codes}} {
		lines, err := find[lineRow](in.tx, by.column, by.keys)
		if err != nil {
			return err
		}
		for _, row := range lines {
			in.lines[row.MSISDN], in.codes[row.UsageCode] = row, row
		}
	}
	for _, row := range in.lines {
		lineIDs = append(lineIDs, row.ID)
		if row.Status != string(flows.LineEnded) {
			if in.inUse[row.ContractID] == nil {
				in.inUse[row.ContractID] = map[string]bool{}
			}
			in.inUse[row.ContractID][row.MSISDN] = true
		}
	}
	bills, err := find[billRow](in.tx, "contract_id", contractIDs)
	if err != nil {
		return err
	}
	for _, row := range bills {
		in.bills[[2]string{row.ContractID, row.Month}] = row
	}
	slices.Sort(lineIDs) // accounts are locked in the order of their IDs, as post does
	accounts, err := find[accountRow](in.tx.Clauses(forTransfer), "line_id", lineIDs)
	for _, row := range accounts {
		in.accounts[row.ID] = row
	}
	return err
}

// compare finds what does not go together with the stored rows.
func (in *importing) compare() {
	for _, c := range in.file.contracts {
		if c.row.LoginID == "" { // noted, and its lines cannot be told from another's
			continue
		}
		stored := in.contracts[c.row.LoginID]
		use := map[string]bool{}
		for number := range in.inUse[stored.ID] {
			use[number] = true
		}
		for _, line := range c.lines {
			was, known := in.lines[line.row.MSISDN]
			if known && was.ContractID != stored.ID {
				in.problems.add(line.msisdnAt, "msisdn is a line of another contract in the database: a line cannot move; check the number and the login_id")
				continue
			}
			for _, hash := range in.hashes[line.code] {
				if of, taken := in.codes[hash]; taken && of.MSISDN != line.row.MSISDN {
					in.problems.add(line.codeAt, "usage_code is that of another line in the database: give this line a new one")
				}
			}
			if reserved := in.accounts[accountID(was.ID, held)].Bytes; known && in.restated(line, was.ID, baseFigure) &&
				line.figures[baseFigure]*bytesPerMB < reserved {
				in.problems.add(line.statedAt[baseFigure], "buckets.base_mb is less than the %dMB reserved for gifts that are on their way", roundUp(reserved))
			}
			use[line.row.MSISDN] = line.row.Status != string(flows.LineEnded)
		}
		n := 0
		for _, inUse := range use {
			if inUse {
				n++
			}
		}
		if n > maxLines && len(c.lines) <= maxLines {
			in.problems.add(c.at, "with its lines in the database the contract has %d lines in use, and may have %d: end some of them in this file", n, maxLines)
		}
	}
}

// contract notes what is to be saved of a contract.
func (in *importing) contract(c contract, password string) {
	was, known := in.contracts[c.row.LoginID]
	row := c.row
	row.ID, row.Password = was.ID, password
	if !known {
		row.ID = newID("c_")
	}
	changed := row != was
	if changed {
		in.saveContracts = append(in.saveContracts, row)
	}
	for _, bill := range c.bills {
		bill.ContractID = row.ID
		if bill != in.bills[[2]string{row.ID, bill.Month}] {
			in.saveBills = append(in.saveBills, bill)
			changed = true
		}
	}
	in.changes.Contracts.note(!known, changed)
	for _, line := range c.lines {
		in.line(line, row.ID)
	}
}

// line notes what is to be saved of a line.
func (in *importing) line(line line, contractID string) {
	was, known := in.lines[line.row.MSISDN]
	row, hashes := line.row, in.hashes[line.code]
	row.ID, row.ContractID, row.UsageCode = was.ID, contractID, hashes[0]
	if !known {
		row.ID = newID("l_")
	}
	ended := row.Status == string(flows.LineEnded)
	if ended {
		row.EndedAt = cmp.Or(was.EndedAt, at(in.now))
	}
	if row != was {
		in.saveLines = append(in.saveLines, row)
	}
	sameCode := slices.Contains(hashes, was.UsageCode)
	if sameCode {
		was.UsageCode = row.UsageCode // only the key is new
	}
	changed := row != was
	if in.figures(line, row.ID) {
		changed = true
	}
	in.changes.Lines.note(!known, changed)
	if !known {
		return
	}
	switch {
	case row.UserName != was.UserName || row.UserBirthdate != was.UserBirthdate:
		in.changes.UserChanged = append(in.changes.UserChanged, row.ID)
	case !sameCode:
		in.changes.Reissued = append(in.changes.Reissued, row.ID)
	case ended && was.Status != row.Status:
		in.changes.Ended = append(in.changes.Ended, row.ID)
	}
}

// baseFigure is where stated has the base bucket.
var baseFigure = slices.Index(stated[:], string(flows.Base))

// restated reports whether the file's figure is another than the last one, or of another month.
func (in *importing) restated(line line, lineID string, figure int) bool {
	account := in.accounts[accountID(lineID, stated[figure])]
	return account.StatedMB == nil || *account.StatedMB != line.figures[figure] ||
		!monthStart(account.StatedAt.time(), 0).Equal(monthStart(in.now, 0))
}

// figures brings a line's accounts to the figures of the file, and reports whether there was anything to do.
func (in *importing) figures(line line, lineID string) (changed bool) {
	if _, ok := in.accounts[accountID(lineID, held)]; !ok {
		in.saveAccounts = append(in.saveAccounts, accountRow{ID: accountID(lineID, held), LineID: &lineID, Name: held})
	}
	for i, name := range stated {
		if !in.restated(line, lineID, i) {
			continue
		}
		changed = true
		mb := line.figures[i]
		account := accountRow{
			ID: accountID(lineID, name), LineID: &lineID, Name: name,
			Until: until(name, in.now), StatedMB: &mb, StatedAt: at(in.now),
		}
		in.saveAccounts = append(in.saveAccounts, account)
		missing := mb*bytesPerMB - in.accounts[account.ID].Bytes
		if i == baseFigure {
			missing -= in.accounts[accountID(lineID, held)].Bytes
		}
		switch {
		case missing > 0:
			in.moves = append(in.moves, move{issued, account.ID, missing})
		case missing < 0:
			in.moves = append(in.moves, move{account.ID, issued, -missing})
		}
	}
	return changed
}

// save writes what was noted. Balances change through postings only.
func (in *importing) save() error {
	all := func(key ...string) clause.OnConflict {
		return clause.OnConflict{Columns: columns(key...), UpdateAll: true}
	}
	statement := clause.OnConflict{
		Columns: columns("id"), DoUpdates: clause.AssignmentColumns([]string{"until", "stated_mb", "stated_at"}),
	}
	if err := upsert(in.tx, in.saveContracts, all("id")); err != nil {
		return err
	}
	if err := upsert(in.tx, in.saveLines, all("id")); err != nil {
		return err
	}
	if err := upsert(in.tx, in.saveBills, all("contract_id", "month")); err != nil {
		return err
	}
	if err := upsert(in.tx, in.saveAccounts, statement); err != nil {
		return err
	}
	if len(in.moves) == 0 {
		return nil
	}
	in.changes.Postings = len(in.moves)
	return post(in.tx, transferRow{ID: newID("i_"), Kind: "import", At: at(in.now)}, in.moves)
}

func upsert[T any](tx *gorm.DB, rows []T, conflict clause.OnConflict) error {
	for part := range slices.Chunk(rows, batch) {
		if err := tx.Clauses(conflict).Create(&part).Error; err != nil {
			return err
		}
	}
	return nil
}

func columns(names ...string) (cs []clause.Column) {
	for _, name := range names {
		cs = append(cs, clause.Column{Name: name})
	}
	return cs
}

// newID returns an opaque ID of 128 random bits or more.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }
