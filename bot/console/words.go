package console

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"
)

// words are the sentences of one language.
type words struct {
	language string
	column   int
}

var (
	japanese = &words{"ja", 0}
	english  = &words{"en", 1}
	matcher  = language.NewMatcher([]language.Tag{language.Japanese, language.English})
)

// languageOf is what a browser was set to here, else what it asks for.
func languageOf(r *http.Request) *words {
	chosen := r.URL.Query().Get("lang")
	if cookie, err := r.Cookie("desk-lang"); chosen == "" && err == nil {
		chosen = cookie.Value
	}
	switch chosen {
	case "ja":
		return japanese
	case "en":
		return english
	}
	if _, index := language.MatchStrings(matcher, r.Header.Get("Accept-Language")); index == 1 {
		return english
	}
	return japanese
}

// Lang is for the html element.
func (w *words) Lang() string { return w.language }

// Say is a sentence, for templates.
func (w *words) Say(key string) string { return w.say(key) }

// say is a sentence; a key without one is shown as it is, "" as nothing.
func (w *words) say(key string) string {
	if s, ok := sentences[key]; ok {
		return s[w.column]
	}
	return key
}

func (w *words) with(key string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(w.say(key))
}

// all is every sentence, for the browser.
func (w *words) all() map[string]string {
	all := make(map[string]string, len(sentences))
	for key, s := range sentences {
		all[key] = s[w.column]
	}
	return all
}

// sentences are in Japanese and in English.
var sentences = map[string][2]string{
	"title":   {"いつでもヘルプ デスク", "Help desk"},
	"signIn":  {"サインイン", "Sign in"},
	"signOut": {"サインアウト", "Sign out"},
	"name":    {"名前", "Name"}, "password": {"パスワード", "Password"},
	"code":     {"確認コード", "Code"},
	"codeHint": {"認証アプリに表示される6桁のコード、または復旧コードを入力してください。", "Enter the 6-digit code of your authenticator app, or a recovery code."},
	"byOIDC":   {"会社のアカウントでサインイン", "Sign in with your company account"},
	"back":     {"デスクへ戻る", "Back to the desk"},
	"report":   {"レポート", "Reports"}, "audit": {"操作の記録", "Audit"}, "operators": {"オペレーター", "Operators"}, "account": {"アカウント", "Account"},
	"otherLanguage": {"English", "日本語"}, "otherLanguageCode": {"en", "ja"},

	"crossSite":     {"ほかのサイトからの操作は受け付けられません。デスクの画面からもう一度お試しください。", "Requests from other sites are refused. Please try again from the desk."},
	"signInAgain":   {"サインインの有効期限が切れました。もう一度サインインしてください。", "Your session has ended. Please sign in again."},
	"notAllowed":    {"この操作をする権限がありません。", "You are not allowed to do this."},
	"broken":        {"処理できませんでした。しばらくしてからもう一度お試しください。", "That did not work. Please try again in a moment."},
	"badRequest":    {"送られた内容を読めませんでした。画面を読み込み直してください。", "The request could not be read. Please reload the page."},
	"wrongPassword": {"名前またはパスワードが違います。", "Name or password is wrong."},
	"wrongCode":     {"確認コードが違います。", "The code is wrong."},
	"locked":        {"入力の回数が上限に達しました。15分後にもう一度お試しください。", "Too many attempts. Please try again in 15 minutes."},
	"tooLate":       {"時間切れです。もう一度サインインしてください。", "That took too long. Please sign in again."},
	"takenBy":       {"{name}さんが先に対応を始めました。", "{name} was first to take this chat."},
	"sessionOver":   {"このお客様との対応は終わっています。", "This session is over."},
	"notYours":      {"このお客様は別のオペレーターが対応しています。", "Another operator has this customer."},
	"noSession":     {"このお問い合わせは見つかりません。", "There is no such session."},
	"noSeat":        {"同時に対応できる人数の上限です。対応を終えるか、人数を増やしてください。", "All seats are taken. Close a chat, or raise the number of seats."},
	"notOn":         {"受付中ではありません。状態を「受付中」にしてください。", "Not available. Set the presence to “Available”."},
	"nobody":        {"お待ちのお客様はいません。", "Nobody is waiting."},
	"noOperator":    {"そのオペレーターはいません。", "There is no such operator."},
	"checksSpent":   {"本人確認は3回失敗したため、このお問い合わせでは行えません。", "The identity check failed three times and cannot be repeated in this session."},
	"notShown":      {"別のオペレーターが対応中のトークは、スーパーバイザーだけが見られます。", "Only supervisors can read chats that others handle."},
	"searchShort":   {"2文字以上で検索してください。", "Search for two characters or more."},
	"badSeats":      {"人数は1から20までです。", "Seats are from 1 to 20."},
	"carrierDown":   {"ただいま回線の情報を確認できません。", "The carrier does not answer at the moment."},
	"emptyMessage":  {"メッセージを入力してください。", "Please write a message."},
	"longMessage":   {"メッセージが長すぎます。5,000文字までに分けてください。", "The message is too long. Split it into parts of 5,000 characters."},
	"identityForm":  {"氏名（カナ）、生年月日、電話番号の下4桁をすべて入力してください。", "Fill in the name in kana, the date of birth and the last four digits."},
	"pictureSize":   {"写真は10MBまでです。", "Pictures may have up to 10 MB."},
	"pictureForm":   {"この写真は送れません。JPEGまたはPNGをお選びください。", "This picture cannot be sent. Choose a JPEG or PNG."},
	"contentGone":   {"LINEでの保存期間が過ぎたため、表示できません。", "LINE does not keep this any more."},
	"cannedForm":    {"題名は40文字、本文は2,000文字までで入力してください。", "A title has up to 40 characters, a text up to 2,000."},
	"badHours":      {"いまより後の時刻を入力してください。", "Enter a time later than now."},
	"badDays":       {"期間を確認してください。366日までです。", "Check the days. A report is about 366 days at most."},
	"badName":       {"名前は文字、数字、. _ @ - で64文字までです。", "A name has letters, digits and . _ @ -, up to 64."},
	"badDisplay":    {"LINEでの表示名は20文字までで、役割とともに必要です。", "A display name of up to 20 characters and a role are needed."},
	"shortPassword": {"パスワードは10文字以上にしてください。", "A password has 10 characters or more."},
	"notYourself":   {"自分のアカウントは変更できません。", "You cannot change your own account."},
	"nameTaken":     {"同じ名前のオペレーターがいます。", "There is an operator of this name."},
	"":              {"", ""},
	"done":          {"変更しました。", "Changed."},
	"totpOn":        {"2段階認証を有効にしました。", "The second step is on."}, "totpOff": {"2段階認証を無効にしました。", "The second step is off."},

	"skip": {"トークへ移動", "Skip to the chat"},
	"on":   {"受付中", "Available"}, "away": {"一時離席", "Away"}, "off": {"退席", "Off"},
	"presence": {"受付の状態", "Presence"}, "seats": {"同時対応", "Seats"}, "more": {"増やす", "More"}, "fewer": {"減らす", "Fewer"},
	"waiting": {"待ち", "Waiting"}, "mine": {"自分の担当", "Mine"}, "all": {"全員", "Everyone"}, "left": {"留守メッセージ", "Messages"},
	"talking": {"自動応答中", "With the bot"}, "closed": {"終了", "Closed"}, "writing": {"メッセージ作成中", "Writing"}, "lists": {"一覧", "Lists"},
	"next": {"次の方に対応する", "Take the next"}, "take": {"対応する", "Take"}, "takeOver": {"引き取る", "Take over"}, "return": {"待ち列に戻す", "Return to queue"},
	"transfer": {"引き継ぐ", "Transfer"}, "transferTo": {"引き継ぎ先", "Transfer to"}, "assign": {"割り当てる", "Assign"}, "close": {"対応を終える", "Close"},
	"reason": {"理由・タグ", "Reason, tags"}, "tagsHint": {"カンマで区切って入力", "separated by commas"}, "cancel": {"やめる", "Cancel"}, "ok": {"決定", "OK"},
	"nothingHere": {"ありません", "Nothing here"}, "chooseChat": {"左の一覧からお客様をお選びください。", "Choose somebody from the list."},
	"search": {"トークを検索", "Search chats"}, "found": {"検索結果", "Found"}, "older": {"さらに表示", "Show more"},
	"message": {"メッセージ", "Message"}, "send": {"送信", "Send"}, "note": {"メモ", "Note"}, "noteHint": {"社内メモ（お客様には送られません）。@名前 で知らせます。", "A note for colleagues; the customer does not see it. @name mentions."},
	"messageHint": {"Enterで送信、Shift+Enterで改行、/ で定型文", "Enter sends, Shift+Enter breaks the line, / for canned replies"},
	"picture":     {"写真", "Picture"}, "sticker": {"スタンプ", "Sticker"}, "canned": {"定型文", "Canned replies"}, "cannedNew": {"定型文を追加", "Add a canned reply"}, "cannedTitle": {"題名", "Title"}, "cannedText": {"本文", "Text"}, "save": {"保存", "Save"},
	"freeReply": {"無料の返信で届きます（残り{n}秒）", "The next message is a free reply ({n} s left)"}, "push": {"プッシュ配信になります", "The next message is a push"},
	"quota": {"今月 {used} / {limit}通", "{used} of {limit} this month"}, "quotaFree": {"今月 {used}通（上限なし）", "{used} this month, no limit"},
	"wrote":   {"入力中にお客様から新しいメッセージが届きました。内容を確認してから送信してください。", "The customer wrote while you were typing. Read it before you send."},
	"sending": {"送信中", "Sending"}, "sent": {"送信済み", "Sent"}, "failed": {"送信できませんでした", "Not sent"}, "inDoubt": {"届いたか確認できません", "May have arrived"}, "notSent": {"対応が終わっていたため送られていません", "Not sent: the chat was over"}, "again": {"もう一度送る", "Send again"},
	"inDoubtHint": {"二重に届くことがあります。お客様に届いているか確かめてから送り直してください。", "It may arrive twice. Ask the customer before you send it again."},
	"unsent":      {"お客様が送信を取り消しました", "The customer unsent this message"}, "bot": {"自動応答", "Bot"}, "customer": {"お客様", "Customer"}, "beforeSession": {"自動応答とのやりとり", "With the bot"},
	"person": {"お客様", "Customer"}, "links": {"連携", "Links"}, "noLinks": {"連携はありません", "No links"}, "holder": {"契約者連携", "Contract holder"}, "user": {"利用者連携", "User of a line"},
	"balance": {"データ残量を見る", "Show the balance"}, "used": {"今月の利用", "Used"}, "plan": {"プラン", "Plan"},
	"identity": {"本人確認", "Identity check"}, "kana": {"氏名（カナ）", "Name in kana"}, "birthdate": {"生年月日", "Date of birth"}, "last4": {"電話番号の下4桁", "Last 4 digits"}, "checkIt": {"照合する", "Compare"},
	"checked": {"本人確認済み", "Identity confirmed"}, "unchecked": {"一致しませんでした。あと{n}回", "No match. {n} left"}, "identityHint": {"契約の変更の前に確認します。パスワードは尋ねません。", "Before a contract is changed. Never ask for a password."},
	"earlier": {"これまでのお問い合わせ", "Earlier sessions"}, "steps": {"自動応答の経過", "What the bot did"}, "score": {"満足度", "Score"}, "comment": {"ご意見", "Comment"},
	"connection.on": {"接続中", "Connected"}, "connection.off": {"再接続しています", "Reconnecting"},
	"shortcuts": {"ショートカット", "Shortcuts"}, "help": {"使い方", "Help"}, "notify": {"通知と音を使う", "Notifications and sound"}, "notifyOn": {"通知と音：オン", "Notifications: on"}, "theme": {"明暗", "Theme"},
	"auto": {"自動で割り当てる", "Hand out by itself"}, "hoursOpen": {"受付 {closes}まで", "Open until {closes}"}, "hoursClosed": {"受付時間外（次は{opens}）", "Closed (next {opens})"}, "deskToday": {"今日の受付", "Today"}, "closeNow": {"いま受付を終える", "Close now"}, "until": {"終了時刻", "Until"}, "usual": {"通常に戻す", "As usual"}, "set": {"設定", "Set"},
	"newChat": {"新しいお客様がお待ちです", "A customer is waiting"}, "newMessage": {"新しいメッセージ", "New message"}, "mentioned": {"{name}さんがあなたに知らせています", "{name} mentions you"},
	"minutes": {"{n}分", "{n} min"}, "seconds": {"{n}秒", "{n} s"}, "hoursLong": {"{n}時間", "{n} h"}, "front": {"優先", "First"}, "waited": {"最長の待ち時間", "Longest wait"}, "connected": {"対応中", "In a chat"}, "unnamed": {"お名前未取得", "Name unknown"},
	"confirmClose": {"対応を終えます。", "Close this chat."}, "file": {"ファイル", "File"}, "video": {"動画", "Video"}, "audio": {"音声", "Audio"}, "location": {"位置情報", "Location"}, "open": {"開く", "Open"}, "shut": {"閉じる", "Close"},
	"backToList": {"一覧へ", "Lists"}, "details": {"お客様情報", "Details"},
	"key.next": {"次の方に対応する", "Take the next"}, "key.search": {"検索", "Search"}, "key.reply": {"返信を書く", "Write a reply"}, "key.note": {"メモを書く", "Write a note"}, "key.lists": {"一覧を切り替える", "Switch lists"}, "key.move": {"一覧を上下に移動", "Move in the list"}, "key.close": {"対応を終える", "Close the chat"}, "key.help": {"この一覧", "This sheet"}, "key.transfer": {"引き継ぐ", "Transfer"},

	"event.queued": {"オペレーターを待ち始めました", "Began to wait for an operator"}, "event.writing": {"メッセージを書き始めました", "Began to leave a message"}, "event.left": {"メッセージをお預かりしました", "Left a message"},
	"event.connected": {"{x}さんが対応を始めました", "{x} took the chat"}, "event.transferred": {"{x}さんに引き継がれました", "Transferred to {x}"}, "event.returned": {"{x}さんが待ち列に戻しました", "{x} returned the chat to the queue"},
	"event.silent": {"{x}さんからの返答がないため、待ち列に戻りました", "{x} did not answer: back to the queue"}, "event.reminded": {"お客様にお返事をお願いしました", "Reminded the customer"}, "event.tapped": {"「{x}」を押しました", "Tapped “{x}”"},
	"event.withheld":  {"パスワードまたは利用コードのようなメッセージのため、表示していません", "Withheld: it looked like a password or a usage code"},
	"event.checked":   {"本人確認ができました", "Identity confirmed"},
	"event.unchecked": {"本人確認が一致しませんでした", "Identity check failed"}, "event.ended": {"終了：{x}", "Closed: {x}"}, "event.survey": {"満足度 {x}", "Score {x}"}, "event.comment": {"ご意見：{x}", "Comment: {x}"},
	"ended.operator": {"オペレーターが終了", "by the operator"}, "ended.customer": {"お客様が取りやめ", "given up by the customer"}, "ended.idle": {"お返事がないため終了", "no answer"}, "ended.hours": {"受付時間の終了", "end of the hours"}, "ended.block": {"お客様がブロック", "blocked"},
	"bucket.carryover": {"前月繰越", "Carried over"}, "bucket.gift": {"データプレゼント", "Gifts"}, "bucket.base": {"基本データ量", "Base"}, "bucket.topup": {"データ量の追加", "Top-up"},

	"report.perDay": {"日ごとの件数（濃い色は対応した件数）", "Sessions per day (dark: taken)"}, "report.perHour": {"時間帯ごとの件数", "Sessions by hour"}, "report.waits": {"平均の待ち時間（分）", "Mean waiting time (minutes)"},
	"report.from": {"開始日", "From"}, "report.to": {"終了日", "To"}, "report.show": {"表示", "Show"}, "report.csv": {"CSVで保存", "Save as CSV"}, "report.day": {"日", "Day"}, "report.operator": {"オペレーター", "Operator"}, "report.sessions": {"件数", "Sessions"},
	"report.taken": {"対応", "Taken"}, "report.tickets": {"留守・時間外", "Messages"}, "report.wait": {"平均待ち", "Mean wait"}, "report.handling": {"平均対応", "Mean handling"}, "report.score": {"満足度", "Score"},
	"score.5": {"とても満足", "Very satisfied"}, "score.4": {"満足", "Satisfied"}, "score.3": {"ふつう", "Neutral"}, "score.2": {"不満", "Dissatisfied"}, "score.1": {"とても不満", "Very dissatisfied"},

	"audit.at": {"日時", "Time"}, "audit.actor": {"操作した人", "Who"}, "audit.kind": {"操作", "What"}, "audit.ref": {"対象", "About"}, "audit.reason": {"内容", "Detail"},
	"op.display": {"LINEでの表示名", "Name on LINE"}, "op.role": {"役割", "Role"}, "op.state": {"状態", "State"}, "op.add": {"オペレーターを追加", "Add an operator"}, "op.disable": {"無効にする", "Disable"}, "op.enable": {"有効にする", "Enable"}, "op.disabled": {"無効", "disabled"}, "op.change": {"変更", "Change"}, "op.newPassword": {"新しいパスワード", "New password"},
	"op.sessions": {"サインイン中", "Signed in"}, "op.end": {"終了させる", "End"}, "op.address": {"アドレス", "Address"}, "op.browser": {"ブラウザー", "Browser"}, "op.since": {"開始", "Since"}, "op.seen": {"最後の操作", "Last seen"},
	"role.operator": {"オペレーター", "operator"}, "role.supervisor": {"スーパーバイザー", "supervisor"}, "role.admin": {"管理者", "admin"},
	"acc.password": {"パスワードの変更", "Change the password"}, "acc.current": {"現在のパスワード", "Current password"}, "acc.totp": {"2段階認証", "Second step"}, "acc.totpSetUp": {"認証アプリに次のキーを登録し、表示された6桁のコードを入力してください。", "Add this key to an authenticator app, and enter the 6-digit code it shows."}, "acc.recovery": {"復旧コード（アプリが使えないときに1回ずつ使えます。控えてください）", "Recovery codes: each is good once when the app is not at hand. Keep them."}, "acc.turnOn": {"有効にする", "Turn on"}, "acc.turnOff": {"無効にする", "Turn off"}, "acc.isOn": {"2段階認証は有効です。", "The second step is on."},
}
