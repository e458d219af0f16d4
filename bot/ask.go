package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"tsunagu/flows"
)

const (
	// alarmWindow, alarmCodes and alarmPause are LNK-25: more than so many wrong codes of all people slow each check.
	alarmWindow = 10 * time.Minute
	alarmCodes  = 100
	alarmPause  = 2 * time.Second
	// linkTokenLife is how long LINE honours a link token (line-platform: 10 minutes, one use).
	linkTokenLife = 10 * time.Minute
)

// ask answers a question. Whoever does not answer in time is flows.AskFailed, which the person is told at once
// (BAL-12); an error means that our own tables failed and the turn is to be tried again.
func (b *Bot) ask(ctx context.Context, a flows.Arrival, q flows.Question) (flows.Input, error) {
	switch q := q.(type) {
	case flows.ReadBalance:
		return b.readBalance(ctx, q), nil
	case flows.CheckCode:
		return b.checkCode(ctx, a.Lane, q)
	case flows.IssueLinkToken:
		token, err := b.line.linkToken(ctx, a.Lane)
		if err != nil {
			b.Log.Warn("LINE issued no link token", "event", a.ID, "err", err)
			return flows.AskFailed{}, nil
		}
		if err := b.Lanes.KeepLinkToken(ctx, token, a.Lane, b.Now().Add(linkTokenLife)); err != nil {
			return nil, fmt.Errorf("keep link token: %w", err)
		}
		return flows.LinkTokenIssued{URL: b.PublicURL + "/link/contract?linkToken=" + url.QueryEscape(token)}, nil
	case flows.RedeemNonce:
		lane, contract, ok, err := b.Lanes.RedeemNonce(ctx, q.Nonce, a.ID)
		if err != nil {
			return nil, fmt.Errorf("redeem nonce: %w", err)
		}
		if !ok {
			b.Log.Warn("account link with a nonce that is not good", "event", a.ID)
			return flows.NonceRefused{Nonce: q.Kind}, nil
		}
		taken, err := b.takenBy(ctx, a.Lane, flows.HolderLink, contract.ID)
		return flows.NonceRedeemed{Nonce: q.Kind, Lane: lane, Contract: contract, TakenBy: taken}, err
	case flows.FindAnswer:
		return flows.AnswerFound{Found: b.Answers.Find(q.Text)}, nil
	case flows.FindTopic:
		topic, ok := b.Answers.Topic(q.ID)
		if !ok {
			return flows.TopicGone{}, nil
		}
		return flows.AnswerFound{Found: flows.Found{Answer: &topic}}, nil
	case flows.ReadDesk:
		load, err := b.Lanes.ReadDesk(ctx, q.Session)
		return flows.DeskRead{For: q.For, Load: load}, err
	case flows.ReadGifts, flows.FindGift, flows.SettleGift:
		return b.askGift(ctx, q), nil
	}
	return nil, fmt.Errorf("nobody answers %T", q)
}

// takenBy names the other LINE account that a contract or line is linked to.
func (b *Bot) takenBy(ctx context.Context, lane string, kind flows.LinkKind, ref string) (string, error) {
	owner, ok, err := b.Lanes.Linked(ctx, kind, ref)
	if err != nil {
		return "", fmt.Errorf("look up link: %w", err)
	}
	if !ok || owner == lane {
		return "", nil
	}
	return owner, nil
}

func (b *Bot) checkCode(ctx context.Context, lane string, q flows.CheckCode) (flows.Input, error) {
	wrong, err := b.Lanes.WrongCodes(ctx, b.Now().Add(-alarmWindow), alarmCodes+1)
	if err != nil {
		return nil, fmt.Errorf("count wrong codes: %w", err)
	}
	b.Metrics.codeAlarm.Set(0)
	if wrong > alarmCodes {
		b.Log.Error("many wrong usage codes: somebody may be guessing", "in", alarmWindow, "more_than", alarmCodes)
		b.Metrics.codeAlarm.Set(1)
		if err := b.Pause(ctx, alarmPause); err != nil {
			return nil, err
		}
	}
	line, err := asking(ctx, b, "verify code", func(ctx context.Context) (flows.Line, error) {
		return b.Carrier.VerifyCode(ctx, q.Code)
	})
	var notYet *flows.NotYetError
	switch {
	case errors.Is(err, flows.ErrWrongCode):
		return flows.CodeWrong{}, nil
	case errors.As(err, &notYet):
		return flows.NotYet{MNP: notYet.MNP, From: notYet.From}, nil
	case err != nil:
		return flows.AskFailed{}, nil
	}
	taken, err := b.takenBy(ctx, lane, flows.UserLink, line.ID)
	return flows.CodeVerified{Line: line, TakenBy: taken}, err
}

func (b *Bot) readBalance(ctx context.Context, q flows.ReadBalance) flows.Input {
	if balance, ok := b.balances.get(q.Line, b.Now(), b.Settings.BalanceCache); ok {
		return flows.BalanceRead{Balance: balance}
	}
	balance, err := asking(ctx, b, "balance", func(ctx context.Context) (flows.Balance, error) {
		return b.Carrier.Balance(ctx, q.Line)
	})
	if err != nil {
		return flows.AskFailed{}
	}
	b.balances.put(balance, b.Now())
	return flows.BalanceRead{Balance: balance}
}

// asking calls the carrier within balance.timeout (BAL-12), even one that does not heed its context. Answers that
// are part of the carrier's trade are not failures.
func asking[T any](ctx context.Context, b *Bot, what string, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, b.Settings.BalanceTimeout)
	defer cancel()
	answered := make(chan answer, 1)
	go func() {
		value, err := call(ctx)
		answered <- answer{value, err}
	}()
	var got answer
	select {
	case got = <-answered:
	case <-ctx.Done():
		got.err = ctx.Err()
	}
	var notYet *flows.NotYetError
	var no *flows.RefusedError
	if got.err != nil && !errors.Is(got.err, flows.ErrWrongCode) && !errors.As(got.err, &notYet) && !errors.As(got.err, &no) {
		b.Log.Warn("carrier did not answer", "asked", what, "err", got.err)
		b.Metrics.carrierErrors.WithLabelValues(what).Inc()
	}
	return got.value, got.err
}
