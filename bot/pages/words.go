package pages

import (
	"fmt"
	"time"

	"tsunagu/flows"
)

// What the pages say depending on what happened. Standard phrases stand as in domain.md §11, under their ids; a
// sentence may follow them. です・ます, one thing at a time, and always what to do now.
const (
	linkNotYetMNP = "回線の切り替えがまだ完了していません。完了のメールが届いてからもう一度お試しください。"
	backendDown   = "ただいま情報を確認できません。しばらくしてからもう一度お試しください。"

	pressAgain = "LINEのトークに戻り、もう一度「契約者連携」を押してください。"
)

var (
	expired = notice{"この画面の有効期限が切れました", []string{
		"安全のため、この画面は一定の時間がたつと使えなくなります。", pressAgain}}
	withoutToken = notice{"この画面を開けませんでした", []string{
		"この画面は、LINEのトークの「契約者連携」から開きます。", pressAgain}}
	crossSite = notice{"操作を受け付けられませんでした", []string{
		"安全のため、ほかのサイトから送られた操作は受け付けません。", pressAgain}}
	tooFast = notice{"少し時間をおいてください", []string{
		"短い時間に多くの操作がありました。1分ほど待ってから、もう一度お試しください。"}}
	down = notice{"ただいまご利用いただけません", []string{backendDown}}
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

// linkNotYetShip is link_not_yet_ship; the date is left out while it is not known (LNK-03).
func linkNotYetShip(from time.Time) string {
	if from.IsZero() {
		return "連携は商品発送メールの翌日からご利用いただけます。"
	}
	return fmt.Sprintf("連携は商品発送メールの翌日（%s）からご利用いただけます。", day(from))
}

func notYet(e *flows.NotYetError) notice {
	n := notice{"まだ連携できません", []string{linkNotYetShip(e.From)}}
	if e.MNP {
		n.Says = []string{linkNotYetMNP}
		if !e.From.IsZero() {
			n.Says = append(n.Says, day(e.From)+"からご利用いただける予定です。")
		}
	}
	return n
}

// locked is code_locked, on a page.
func locked(until, now time.Time) notice {
	return notice{"ログインを一時的に停止しています", []string{
		fmt.Sprintf("入力の回数が上限に達しました。%s以降にもう一度お試しください。", clock(until, now)),
		"パスワードがわからないときは、トークの「いつでもヘルプ」でご確認ください。"}}
}

// wrong never says which of the two was wrong.
func wrong(left int, lock time.Duration) string {
	return fmt.Sprintf("ログインIDまたはパスワードがちがいます。あと%d回まちがえると%sログインできなくなります。", left, span(lock))
}

func day(t time.Time) string { return t.In(flows.JST).Format("1月2日") }

// clock is a time of day, rounded up to the minute, with its day when that is not today.
func clock(t, now time.Time) string {
	t, now = t.Add(time.Minute-1).Truncate(time.Minute).In(flows.JST), now.In(flows.JST)
	if day(t) == day(now) {
		return t.Format("15:04")
	}
	return t.Format("1月2日 15:04")
}

// span is a duration in minutes, or in whole hours from two on.
func span(d time.Duration) string {
	if d >= 2*time.Hour && d%time.Hour == 0 {
		return fmt.Sprintf("%d時間", d/time.Hour)
	}
	return fmt.Sprintf("%d分間", (d+time.Minute-1)/time.Minute)
}
