package pages

import (
	"fmt"
	"time"

	"tsunagu/flows"
)

// What the pages say depending on what happened. The standard phrases are package flows'; a
// sentence may follow them. です・ます, one thing at a time, and always what to do now.
const pressAgain = "LINEのトークに戻り、もう一度「契約者連携」を押してください。"

var (
	expired = notice{"この画面の有効期限が切れました", []string{
		"安全のため、この画面は一定の時間がたつと使えなくなります。", pressAgain}}
	withoutToken = notice{"この画面を開けませんでした", []string{
		"この画面は、LINEのトークの「契約者連携」から開きます。", pressAgain}}
	crossSite = notice{"操作を受け付けられませんでした", []string{
		"安全のため、ほかのサイトから送られた操作は受け付けません。", pressAgain}}
	tooFast = notice{"少し時間をおいてください", []string{
		"短い時間に多くの操作がありました。1分ほど待ってから、もう一度お試しください。"}}
	down = notice{"ただいまご利用いただけません", []string{flows.BackendDown}}
	// heldElsewhere is already_linked for a contract.
	heldElsewhere = notice{"このご契約は連携済みです", []string{
		"このご契約は別のLINEアカウントと連携済みです。先にそちらの連携を解除してください。",
		"解除は、連携中のLINEアカウントのトークで「設定」から「連携を解除」を押すと行えます。"}}

	loginIDMissing    = "ログインIDを入力してください。"
	loginIDUnreadable = "ログインIDに使えない文字が含まれています。もう一度入力してください。"
	loginIDTooLong    = fmt.Sprintf("ログインIDは%d文字以内で入力してください。", maxLoginID)
	passwordMissing   = "パスワードを入力してください。"
	passwordBad       = "パスワードに使えない文字が含まれています。もう一度入力してください。"
	passwordTooLong   = fmt.Sprintf("パスワードは%d文字以内で入力してください。", maxPassword)
)

func notYet(e *flows.NotYetError) notice {
	n := notice{"まだ連携できません", []string{flows.NotYet{MNP: e.MNP, From: e.From}.Words()}}
	if e.MNP && !e.From.IsZero() {
		n.Says = append(n.Says, flows.Day(e.From)+"からご利用いただける予定です。")
	}
	return n
}

// locked is code_locked, on a page.
func locked(until, now time.Time) notice {
	return notice{"ログインを一時的に停止しています", []string{
		flows.LockedUntil(now, until),
		"パスワードがわからないときは、トークの「いつでもヘルプ」でご確認ください。"}}
}

// wrong never says which of the two was wrong.
func wrong(left int, lock time.Duration) string {
	return fmt.Sprintf("ログインIDまたはパスワードがちがいます。あと%d回まちがえると%sログインできなくなります。", left, span(lock))
}

// span is a duration in minutes, or in whole hours from two on.
func span(d time.Duration) string {
	if d >= 2*time.Hour && d%time.Hour == 0 {
		return fmt.Sprintf("%d時間", d/time.Hour)
	}
	return fmt.Sprintf("%d分間", (d+time.Minute-1)/time.Minute)
}
