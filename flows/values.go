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

	HelpOpen, HelpClose time.Duration // help.open, help.close: time of day, JST; Open < Close
	HelpHardEnd         time.Duration // help.hard_end: when connected chats end; not before HelpClose
	HelpClosedDates     []time.Time   // help.closed_dates: 00:00 JST of each
	BusyQueue           int           // help.busy_queue
	BusyWait            time.Duration // help.busy_wait
	CustomerRemind      time.Duration // help.customer_remind; shorter than CustomerEnd
	CustomerEnd         time.Duration // help.customer_end
	OperatorWait        time.Duration // help.operator_timeout
	SurveyTTL           time.Duration // help.survey_ttl
	SurveyEvery         time.Duration // help.survey_interval
	// HelpLine is said to somebody who speaks of hurting themselves (HLP-37).
	HelpLine string

	GiftStepMB       int         // gift.step_mb
	GiftMinMB        int         // gift.min_mb
	GiftMaxPending   int         // gift.max_pending
	GiftMaxPerDay    int         // gift.max_per_day
	GiftClaimDays    int         // gift.claim_days
	GiftBlackoutFrom MonthMoment // gift.blackout_from, inclusive
	GiftBlackoutTo   MonthMoment // gift.blackout_to, exclusive
}

// Defaults are the defaults of domain.md §12.
func Defaults() Settings {
	return Settings{
		Brand:      "つなぐモバイル",
		CodeDigits: 16, MaxWrong: 5, WrongWindow: time.Hour, Lock: time.Hour,
		DialogWait: 10 * time.Minute, NonceTTL: 10 * time.Minute,
		MaxLines: 5, MaxContracts: 5, BlockedKeep: 90 * 24 * time.Hour,
		BalanceCache: time.Minute, BalanceStale: time.Hour, BalanceTimeout: 3 * time.Second, ThrottleLabel: "最大200kbps",
		HelpOpen: 10 * time.Hour, HelpClose: 19 * time.Hour, HelpHardEnd: 19*time.Hour + 30*time.Minute,
		BusyQueue: 10, BusyWait: 10 * time.Minute, CustomerRemind: 10 * time.Minute, CustomerEnd: 15 * time.Minute,
		OperatorWait: 5 * time.Minute, SurveyTTL: 24 * time.Hour, SurveyEvery: 7 * 24 * time.Hour,
		HelpLine:   "つらいお気持ちを、ひとりで抱えないでください。よりそいホットライン（0120-279-338、24時間・無料）などの相談窓口で、お話を聞いてもらえます。",
		GiftStepMB: 500, GiftMinMB: 500, GiftMaxPending: 3, GiftMaxPerDay: 10, GiftClaimDays: 2,
		GiftBlackoutFrom: MonthMoment{At: 23 * time.Hour}, GiftBlackoutTo: MonthMoment{Day: 1, At: 9 * time.Hour},
	}
}

// A MonthMoment comes once a month, in JST.
type MonthMoment struct {
	Day int           // 1 to 28; 0 is the last day
	At  time.Duration // since midnight
}

// in is the moment of t's month, or of one so many months later.
func (m MonthMoment) in(t time.Time, months int) time.Time {
	year, month, _ := t.In(JST).Date()
	month += time.Month(months)
	if m.Day == 0 {
		month++ // day 0 of it is the last day of the month before
	}
	return time.Date(year, month, m.Day, 0, 0, 0, 0, JST).Add(m.At)
}

// GiftBlackout reports whether gifts rest at t (GFT-30): nothing is made, claimed or cancelled. They never rest when the
// rest ends where it begins.
func (s Settings) GiftBlackout(t time.Time) bool {
	for months := range 2 {
		from := s.GiftBlackoutFrom.in(t, -months)
		to := s.GiftBlackoutTo.in(from, 0)
		if to.Before(from) {
			to = s.GiftBlackoutTo.in(from, 1)
		}
		if !t.Before(from) && t.Before(to) {
			return true
		}
	}
	return false
}

// GiftDeadline is until when a gift made at t can be claimed, exclusive (GFT-23): the end of the last day for it, or the
// beginning of the rest that comes first.
func (s Settings) GiftDeadline(t time.Time) time.Time {
	year, month, day := t.In(JST).Date()
	end := time.Date(year, month, day+s.GiftClaimDays+1, 0, 0, 0, 0, JST)
	rest := s.GiftBlackoutFrom.in(t, 0)
	if !rest.After(t) {
		rest = s.GiftBlackoutFrom.in(t, 1)
	}
	if month := (MonthMoment{Day: 1}).in(t, 1); month.Before(rest) || s.GiftBlackoutFrom == s.GiftBlackoutTo {
		rest = month // data does not leave its month
	}
	if rest.Before(end) {
		return rest
	}
	return end
}
