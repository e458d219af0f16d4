package ledger

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"tsunagu/flows"
)

const (
	userIdentity = `SELECT user_kana AS kana, user_birthdate AS birthdate, msisdn FROM ledger_lines WHERE id = ?`
	// A holder is asked for the number of any of their lines.
	holderIdentity = `SELECT c.holder_kana AS kana, c.holder_birthdate AS birthdate, l.msisdn
	FROM ledger_contracts c JOIN ledger_lines l ON l.contract_id = c.id AND l.status <> 'ended' WHERE c.id = ?`
)

// CheckIdentity compares what a customer said with the user of a line, or the holder of a contract (HLP-34). Width, spaces
// and the kind of kana do not matter. Nothing of either side is in an error.
func (l *Ledger) CheckIdentity(ctx context.Context, kind flows.LinkKind, ref string, said flows.Identity) (bool, error) {
	if !storable(ref) {
		return false, nil
	}
	sql := userIdentity
	if kind == flows.HolderLink {
		sql = holderIdentity
	}
	var known []struct{ Kana, Birthdate, Msisdn string }
	if err := l.db.WithContext(ctx).Raw(sql, ref).Scan(&known).Error; err != nil {
		return false, fmt.Errorf("check an identity: %w", err)
	}
	for _, k := range known {
		if asKatakana(k.Kana) == asKatakana(said.Kana) && k.Birthdate == said.Birthdate && len(said.Last4) == 4 && strings.HasSuffix(k.Msisdn, said.Last4) {
			return true, nil
		}
	}
	return false, nil
}

// asKatakana is a name without spaces, in full-width katakana.
func asKatakana(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '　' || r == '・':
			return -1
		case 'ぁ' <= r && r <= 'ゖ':
			return r + 'ァ' - 'ぁ'
		}
		return r
	}, norm.NFKC.String(name))
}
