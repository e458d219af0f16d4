package flows

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The voice: です・ます, short, one idea a sentence, one question a message, the way out always among the buttons. Every
// text may be read aloud. The standard phrases of domain.md §11 stand word for word; a sentence may go before or follow.

// Standard phrases.
const (
	needUserLink   = "この機能を使うには利用者連携が必要です。マイページの「契約情報」にある16桁の利用コードをご用意ください。"
	needHolderLink = "この機能を使うには契約者連携が必要です。"
	contractorOnly = "マイページは契約者の方だけがご利用いただけます。"
	codeBadFormat  = "利用コードは16桁の数字です。もう一度入力してください。"
	alreadyLinked  = "この回線は別のLINEアカウントと連携済みです。先にそちらの連携を解除してください。"
	linkDone       = "連携が完了しました。連携は「設定」からいつでも解除できます。"
	passwordInChat = "パスワードはトークに送らないでください。送られた内容は保存していません。連携は専用の画面で行えます。"
	BackendDown    = "ただいま情報を確認できません。しばらくしてからもう一度お試しください。"
	giftBlackout   = "月末日の23時から翌月1日の9時までは、データプレゼントをご利用いただけません。"
	giftNone       = "贈れるデータがありません。贈れるのは当月の基本データ量の残り（500MB単位）です。"
	giftReceived   = "{amount}を受け取りました。{date}まで使えます。"
	giftTaken      = "このデータはすでに受け取り済みです。"
	giftExpired    = "受け取りの期限が過ぎています。"
	fallback       = "申し訳ありません。そのご質問にはお答えできません。{brand}の回線や料金については、メニューまたは短い文章でお尋ねください。"
)

const (
	codeLocked     = "入力の回数が上限に達しました。{time}以降にもう一度お試しください。"
	codeWrong      = "利用コードを確認できませんでした。あと{n}回まちがえると60分間入力できなくなります。"
	linkNotYetMNP  = "回線の切り替えがまだ完了していません。完了のメールが届いてからもう一度お試しください。"
	linkNotYetShip = "連携は商品発送メールの翌日（{date}）からご利用いただけます。"
	notYetNoDate   = "連携は商品発送メールの翌日からご利用いただけます。"
)

// Follow, menu and the unexpected.
const (
	welcomeTitle     = "はじめに"
	welcome          = "友だち追加ありがとうございます。{brand}の公式アカウントです。データ残量の確認やマイページを、このトークからご利用いただけます。"
	welcomeLinks     = "契約者の方は契約者連携を、回線を使う方は利用者連携をしてください。どちらも同じLINEアカウントでできます。"
	welcomeBack      = "おかえりなさい。{brand}の公式アカウントです。これまでの連携はそのままお使いいただけます。"
	joinedGroup      = "お招きありがとうございます。{brand}の各機能は、公式アカウントとの1対1のトークでご利用ください。"
	hereIsMenu       = "ご利用になる機能をお選びください。"
	menuAgain        = "メニューを表示し直しました。見えない場合は、トークの下の「メニュー」を押すか、トークを開き直してください。"
	cancelled        = "取りやめました。ほかにご用がありましたら、メニューからお選びください。"
	nothingToCancel  = "取りやめる手続きはありません。ご用がありましたら、メニューからお選びください。"
	comingSoon       = "「{function}」は準備中です。ご利用いただけるまで、いましばらくお待ちください。"
	onlyText         = "申し訳ありません。このトークでは文字のメッセージだけをお読みできます。メニューまたは短い文章でお尋ねください。"
	thanksForSticker = "スタンプありがとうございます。ご用がありましたら、メニューからお選びください。"
	staleButton      = "このボタンは古いため、ご利用いただけません。お手数ですが、もう一度メニューからお選びください。"
	sorry            = "申し訳ありません。ただいまのメッセージを処理できませんでした。お手数ですが、もう一度お送りください。"
)

// Linking.
const (
	linkChoice       = "契約者の方は契約者連携、回線を使う方は利用者連携をお選びください。"
	linkedNow        = "現在の連携は次のとおりです。\n{links}\n追加する連携をお選びください。"
	openSignIn       = "次のボタンから画面を開き、{brand}のIDとパスワードを入力してください。画面は10分間有効です。"
	openSignInAgain  = "契約者連携は済んでいます。別の契約も連携する場合は、次のボタンから画面を開き、{brand}のIDとパスワードを入力してください。画面は10分間有効です。"
	signInExpired    = "連携の手続きの期限が切れました。お手数ですが、もう一度「契約者連携」からお試しください。"
	signInFailed     = "契約者連携ができませんでした。このLINEアカウントで画面を開き、もう一度お試しください。"
	askCode          = "16桁の利用コードを入力してください。利用コードはマイページの「契約情報」にあります。"
	looksLikeCode    = "利用コードのようです。利用者連携を始めますか？始める場合は、ボタンを押してからもう一度入力してください。"
	linkedAlready    = "すでにこのLINEアカウントとの連携が完了しています。連携は「設定」からいつでも解除できます。"
	contractTaken    = "この契約は別のLINEアカウントと連携済みです。先にそちらの連携を解除してください。"
	otherTried       = "別のLINEアカウントから「{line}」の利用者連携が試されました。現在の連携は変わっていません。お心当たりがない場合は、契約者の方に利用コードの再発行をご相談ください。"
	tooManyContracts = "契約者連携は、1つのLINEアカウントで{n}件までです。先に不要な連携を解除してください。"
	tooManyLines     = "利用者連携は、1つのLINEアカウントで{n}回線までです。先に不要な連携を解除してください。"
	endedReissue     = "利用コードが再発行されたため、次の連携を解除しました。\n{link}\n続けて使うには、新しい利用コードで利用者連携をしてください。"
	endedUser        = "利用者が変更されたため、次の連携を解除しました。\n{link}"
	endedContract    = "ご契約が終了したため、次の連携を解除しました。\n{link}"
)

// Balance and settings.
const (
	whichLine        = "どの回線のデータ残量を確認しますか？"
	lineGone         = "その回線の連携は解除されています。"
	mayBeOld         = "最新ではない可能性があります"
	monthTurning     = "月初の更新中のため、表示が変わることがあります"
	settingsText     = "現在の連携は次のとおりです。\n{links}"
	settingsEmpty    = "現在、連携はありません。"
	nothingLinked    = "解除できる連携はありません。"
	whichUnlink      = "どの連携を解除しますか？\n{links}"
	unlinkUserSure   = "「{link}」を解除します。残容量確認とデータプレゼントが使えなくなります。よろしいですか？"
	unlinkHolderSure = "「{link}」を解除します。マイページにはIDとパスワードが必要になり、LINEポイントでのお支払いは次回の請求から止まります。よろしいですか？"
	unlinked         = "連携を解除しました。"
	unlinkedBefore   = "その連携はすでに解除されています。"
	whichName        = "どの回線の呼び名を変えますか？"
	askName          = "「{line}」の新しい呼び名を12文字以内で入力してください。"
	nameTooLong      = "呼び名は1文字から12文字までで入力してください。"
	nameTaken        = "同じ呼び名の回線があります。別の呼び名を入力してください。"
	renamed          = "{line}の呼び名を「{name}」にしました。"
	nameRemoved      = "{line}の呼び名をなくしました。"
)

// Gifts.
const (
	whichLineGives = "どの回線から贈りますか？"
	whichLineTakes = "どの回線で受け取りますか？"
	giftableNote   = "贈れるのは、当月の基本データ量の残りです。"
	askAmount      = "贈る量をお選びください。{most}まで、{step}単位で贈れます。"
	giftSure       = "{amount}を贈ります。よろしいですか？"
	giftAnswered   = "この手続きは終わっています。作成したデータプレゼントは、送信中の一覧でご確認いただけます。"
	giftMade       = "プレゼントを作成しました"
	giftMadeNote   = "「相手に送る」を押して、贈る相手をお選びください。最初に受け取った方のデータになります。"
	giftShare      = "{amount}のデータを贈ります。{until}に、次のリンクから受け取ってください。"
	noGiftsPending = "送信中のデータプレゼントはありません。"
	giftsPending   = "送信中のデータプレゼントが{n}件あります。"
	noGiftsPast    = "データプレゼントの履歴はありません。"
	giftReturned   = "取り消しました。{amount}は基本データ量に戻りました。"
	giftOver       = "受け取りの期限が過ぎたため、贈った{amount}は基本データ量に戻りました。"
	giftGone       = "贈った{amount}を、お相手が受け取りました。"
	giftGoneTo     = "贈った{amount}を、{name}さんが受け取りました。"
	giftForYou     = "データプレゼントが届いています"
	giftFrom       = "{name}さんからのプレゼント"
	claimAfterLink = "連携が完了すると、続けて{amount}を受け取れます。"
	giftChecking   = "ただいま結果を確認しています。分かりしだい、このトークでお知らせします。"
	giftNotMade    = "データプレゼントは作成されませんでした。データは減っていません。もう一度お試しください。"
	claimNotDone   = "受け取りが完了していません。お手数ですが、もう一度お試しください。"
	cancelNotDone  = "取り消しが完了していません。お手数ですが、もう一度お試しください。"

	giftLineStopped  = "利用停止中の回線があるため、データプレゼントをご利用いただけません。"
	giftSwitchedOff  = "この回線からは贈れません。受け取ることはできます。契約者の方がマイページで変更できます。"
	giftNotOnLine    = "この回線では、データプレゼントをご利用いただけません。"
	giftBelowMinimum = "{min}から贈れます。"
	giftNotStep      = "{step}単位で贈れます。"
	giftOverGiftable = "贈れる量を超えています。贈れるのは当月の基本データ量の残りです。"
	giftMonthCap     = "今月贈れる量の上限に達しました。上限は、プランの毎月のデータ量と同じです。"
	giftManyPending  = "送信中のデータプレゼントが{n}件あります。受け取られるか取り消すと、次を贈れます。"
	giftDaily        = "1日に作成できるデータプレゼントは{n}件までです。明日またお試しください。"
	giftSameLine     = "贈った回線では受け取れません。"
	giftWasTaken     = "このデータはすでに受け取られているため、取り消せません。"
	giftWithdrawn    = "このデータプレゼントは取り消されています。"
	giftNotFound     = "このデータプレゼントは見つかりませんでした。届いたリンクから、もう一度お試しください。"
)

// Questions in people's own words.
const (
	whichTopic    = "どのことについてお尋ねですか？"
	greetingText  = "こんにちは。{brand}の自動応答です。ご用件をメニューからお選びいただくか、短い文章でお尋ねください。"
	thanksText    = "どういたしまして。またいつでもお声がけください。"
	isAutomatic   = "AI（自動応答）がお答えしています。人ではありません。"
	emergencyText = "命に関わる緊急のときは、すぐに119（救急・消防）または110（警察）に電話してください。"
	offerOperator = "オペレーターに相談することもできます。"
	solvedText    = "お役に立ててよかったです。またいつでもお声がけください。"
	unsolvedText  = "お役に立てず、申し訳ありません。別の言い方でお尋ねいただくと、お答えできることがあります。"
	helpText      = "いつでもヘルプです。ご質問を短い文章でお送りください。AI（自動応答）がお答えします。"
	topicGone     = "このご案内は終了しました。お手数ですが、もう一度短い文章でお尋ねください。"
)

// Operators.
const (
	helpAfterHours    = "オペレーターの対応時間は{hours}です。ただいまはAI（自動応答）がお答えします。"
	helpDayOff        = "本日のオペレーターの受付は終了しました。ただいまはAI（自動応答）がお答えします。"
	helpBusy          = "ただいま混み合っています。AI（自動応答）がお答えします。このままお待ちいただくこともできます。"
	helpQueued        = "オペレーターにおつなぎします。現在{n}番目です。"
	helpConnected     = "オペレーターにつながりました。"
	idleEnd           = "一定時間お返事がなかったため終了します。またいつでもお声がけください。"
	surveyText        = "今回の対応はいかがでしたか？"
	helpShort         = "ご質問を短い文章でお送りください。"
	placeNow          = "現在{n}番目です。もうしばらくお待ちください。"
	withName          = "担当は{name}です。"
	nowWith           = "担当が{name}に代わりました。続けてご用件をお送りください。"
	answersMessage    = "お預かりしたメッセージにお返事します。"
	backInQueue       = "お返事が遅れており、申し訳ありません。別のオペレーターにおつなぎします。現在{n}番目です。"
	operatorNeedsLink = "オペレーターへの相談には、契約者連携または利用者連携が必要です。ご質問には、AI（自動応答）がお答えします。"
	keptForOperator   = "承りました。つながりしだい、オペレーターがお読みします。"
	gaveUp            = "オペレーターの待ち受けを取りやめました。またいつでもお声がけください。"
	leaveMessage      = "オペレーターへのメッセージをお送りください。送り終えたら、「送り終えた」を押してください。"
	keptMessage       = "お預かりしました。続けて送ることもできます。"
	nothingWritten    = "まだメッセージをお預かりしていません。お送りになってから、「送り終えた」を押してください。"
	nothingToSend     = "お預かり中のメッセージはありません。ご用がありましたら、メニューからお選びください。"
	notLeft           = "メッセージのお預かりを取りやめました。"
	leftOpen          = "メッセージをお預かりしました。順番に、オペレーターがこのトークでお返事します。"
	leftUntil         = "メッセージをお預かりしました。{time}以降に、オペレーターがこのトークでお返事します。"
	keptLater         = "オペレーターの受付が終了しました。お問い合わせはお預かりし、{time}以降にこのトークでお返事します。"
	queueClosed       = "オペレーターの受付が終了しました。お待たせしたままで、申し訳ありません。メッセージを残していただければ、次の受付時間にお返事します。"
	stillThere        = "お返事をお待ちしています。あと{time}お返事がない場合は、終了します。"
	chatOver          = "オペレーターとのトークを終了しました。ご利用ありがとうございました。"
	chatOverByHours   = "受付時間が過ぎたため、オペレーターとのトークを終了しました。続きは、またいつでもお声がけください。"
	askComment        = "ご回答ありがとうございます。よろしければ、ご意見をお書きください。"
	surveyThanks      = "ご協力ありがとうございました。"
	surveyIsOver      = "このアンケートは終了しました。ありがとうございました。"
)

// surveyLabels are the five answers of HLP-35, the best first.
var surveyLabels = []string{"とても満足", "満足", "ふつう", "不満", "とても不満"}

// afterHours is the standard phrase help_after_hours with the configured hours; on a day with others it does not name them.
func afterHours(s Settings, now time.Time) string {
	since := func(d time.Duration) string { return fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	if open := s.helpDay(now, 0, DeskException{}); !now.Before(open.open) && now.Before(open.open.Add(s.HelpClose-s.HelpOpen)) {
		return helpDayOff
	}
	return strings.ReplaceAll(helpAfterHours, "{hours}", since(s.HelpOpen)+"〜"+since(s.HelpClose))
}

func placeIs(n int) string { return strings.ReplaceAll(placeNow, "{n}", strconv.Itoa(n)) }

func connectedTo(name string) string {
	if name == "" {
		return helpConnected
	}
	return helpConnected + strings.ReplaceAll(withName, "{name}", name)
}

// messageLeft says when a message is answered.
func messageLeft(now time.Time, h Hours) string {
	if h.Open {
		return leftOpen
	}
	return strings.ReplaceAll(leftUntil, "{time}", Clock(now, h.Opens))
}

func keptUntil(now time.Time, h Hours) string {
	return strings.ReplaceAll(keptLater, "{time}", Clock(now, h.Opens))
}

func minutes(d time.Duration) string {
	return strconv.Itoa(int((d+time.Minute-1)/time.Minute)) + "分"
}

// refusal says why nothing was done with a gift.
func (t *turn) refusal(why Refusal, doing GiftDoing) string {
	s := t.Settings
	switch why {
	case LineNotInUse:
		return giftLineStopped
	case GiftDisabled:
		if doing == GiftMaking {
			return giftSwitchedOff
		}
		return giftNotOnLine
	case BelowMinimum:
		return strings.ReplaceAll(giftBelowMinimum, "{min}", Amount(s.GiftMinMB))
	case NotStep:
		return strings.ReplaceAll(giftNotStep, "{step}", Amount(s.GiftStepMB))
	case OverGiftable:
		return giftOverGiftable
	case OverMonthCap:
		return giftMonthCap
	case TooManyPending:
		return strings.ReplaceAll(giftManyPending, "{n}", strconv.Itoa(s.GiftMaxPending))
	case DailyLimit:
		return strings.ReplaceAll(giftDaily, "{n}", strconv.Itoa(s.GiftMaxPerDay))
	case Blackout:
		return giftBlackout
	case SameLine:
		return giftSameLine
	case AlreadyClaimed:
		if doing == GiftCancelling {
			return giftWasTaken
		}
		return giftTaken
	case AlreadyReturned:
		return giftWithdrawn
	case TooLate:
		return giftExpired
	case NoSuchGift:
		return giftNotFound
	default: // "" of a line that has nothing to give
		return giftNone
	}
}

// until is a deadline, exclusive, as people say it: 11月24日 23:59まで, 11月30日 23:00まで.
func until(end time.Time) string {
	if end = end.In(JST); end.Hour() == 0 && end.Minute() == 0 {
		end = end.Add(-time.Minute)
	}
	return end.Format("1月2日 15:04まで")
}

// Apology is said once when an input was given up on.
func Apology() Say { return Say{Messages: []Message{Text{Text: sorry}}} }

// bucketLabels are fixed (BKT-01).
var bucketLabels = map[Bucket]string{
	Carryover: "前月繰越", Gift: "データプレゼント", Base: "基本データ量", Topup: "データ量の追加",
}

func (t *turn) brand(text string) string {
	return strings.ReplaceAll(text, "{brand}", t.Settings.Brand)
}

// Amount is an amount of data as BAL-10 writes it: 820MB, 2.34GB, cut and not rounded.
func Amount(mb int) string {
	if mb < 1000 {
		return strconv.Itoa(mb) + "MB"
	}
	return fmt.Sprintf("%d.%02dGB", mb/1000, mb%1000/10)
}

// Day is a date in JST: 11月22日.
func Day(at time.Time) string { return at.In(JST).Format("1月2日") }

// lastDay is the last day of something usable until the moment end, exclusive (CAL-02).
func lastDay(end time.Time) string { return Day(end.Add(-time.Nanosecond)) }

// asOf is the time of figures: 11月22日 16:05時点 (BAL-05).
func asOf(at time.Time) string { return at.In(JST).Format("1月2日 15:04時点") }

// Clock is when something opens again, seen from now: 16:05, or 11月23日 0:05 on another day. Seconds count as a
// minute more, so that it is open when the clock shows it.
func Clock(now, at time.Time) string {
	at = at.Add(time.Minute - time.Nanosecond).Truncate(time.Minute).In(JST)
	if now := now.In(JST); now.YearDay() == at.YearDay() && now.Year() == at.Year() {
		return at.Format("15:04")
	}
	return at.Format("1月2日 15:04")
}

// LockedUntil is the standard phrase code_locked, seen from now.
func LockedUntil(now, until time.Time) string {
	return strings.ReplaceAll(codeLocked, "{time}", Clock(now, until))
}

func codeWrongLeft(n int) string { return strings.ReplaceAll(codeWrong, "{n}", strconv.Itoa(n)) }

func tooMany(text string, n int) string { return strings.ReplaceAll(text, "{n}", strconv.Itoa(n)) }

// Words tells from when linking works (LNK-03), by the standard phrases link_not_yet_mnp and link_not_yet_ship.
func (in NotYet) Words() string {
	switch {
	case in.MNP:
		return linkNotYetMNP
	case in.From.IsZero():
		return notYetNoDate
	default:
		return strings.ReplaceAll(linkNotYetShip, "{date}", Day(in.From))
	}
}

func endedBy(reason string) string {
	switch reason {
	case "reissue":
		return endedReissue
	case "user_changed":
		return endedUser
	default:
		return endedContract
	}
}
