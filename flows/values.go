package flows

import "time"

// Settings are the numbers of domain.md §12 that conversations, pages and the carrier follow, and the brand.
type Settings struct {
	Brand string

	CodeDigits   int           // link.code_digits
	MaxWrong     int           // link.max_wrong
	WrongWindow  time.Duration // link.wrong_window
	Lock         time.Duration // link.lock
	DialogWait   time.Duration // link.dialog_timeout
	NonceTTL     time.Duration // link.nonce_ttl
	MaxLines     int           // link.max_lines_per_account
	MaxContracts int           // link.max_contracts_per_account
	BlockedKeep  time.Duration // link.blocked_retention

	BalanceCache   time.Duration // balance.cache
	BalanceStale   time.Duration // balance.stale_after
	BalanceTimeout time.Duration // balance.timeout
	ThrottleLabel  string        // balance.throttle_label
}

// Defaults are the defaults of domain.md §12.
func Defaults() Settings {
	return Settings{
		Brand:      "つなぐモバイル",
		CodeDigits: 16, MaxWrong: 5, WrongWindow: time.Hour, Lock: time.Hour,
		DialogWait: 10 * time.Minute, NonceTTL: 10 * time.Minute,
		MaxLines: 5, MaxContracts: 5, BlockedKeep: 90 * 24 * time.Hour,
		BalanceCache: time.Minute, BalanceStale: time.Hour, BalanceTimeout: 3 * time.Second, ThrottleLabel: "最大200kbps",
	}
}
