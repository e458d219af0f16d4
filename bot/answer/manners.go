package answer

import (
	"slices"
	"strings"

	"tsunagu/flows"
)

// Manners are judged before the corpus is asked: what must not be answered from it, however near a topic comes.

func has(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// mannerOf judges a normalised question. ours is false for what is none of this carrier's business (HLP-40, HLP-42).
func mannerOf(text string) (m flows.Manner, ours bool) {
	switch {
	case selfHarm(text):
		return flows.SelfHarm, true
	case emergency(text):
		return flows.Emergency, true
	case has(text, "aiですか", "aiなの", "ロボットですか", "ロボットなの", "人間ですか", "人間なの", "人ですか", "中の人", "ボットですか", "ボットなの", "botですか",
		"あなたは誰", "あなたはだれ", "自動応答ですか", "自動返信ですか", "機械ですか", "本物の人", "生身", "aichat", "aiか人", "人かai", "あなたはai", "ロボ?", "人が答え", "人間が答え", "人が返事", "人間と話して"):
		return flows.IsHuman, true
	case insult(text):
		return flows.Insult, true
	case greeting(text, "ありがとう", "有難う", "有り難う", "ありがと", "あざす", "あざっす", "助かりました", "助かった", "感謝", "サンキュー", "さんきゅー", "アリガトウ", "thankyou", "thanks", "どうもです", "お世話になりました"):
		return flows.Thanks, true
	case greeting(text, "こんにちは", "こんにちわ", "こんばんは", "こんばんわ", "おはよう", "はじめまして", "初めまして", "やあ", "もしもし", "コンニチハ", "コンバンハ", "オハヨウ", "hello", "hi", "ハロー", "よろしく", "お疲れ様", "おつかれ", "おやすみ", "ごきげんよう", "お世話になっております", "お世話になります", "どうも", "おーい", "誰かいますか", "だれかいますか", "失礼します", "ごめんください"):
		return flows.Greeting, true
	}
	return "", !elsewhere(text)
}

// greeting reports whether a text is one of these words and hardly more: with a question after it, it is a question.
func greeting(text string, words ...string) bool {
	rest := text
	for _, w := range words {
		rest = strings.ReplaceAll(rest, w, "")
	}
	if rest == text {
		return false
	}
	for _, w := range []string{"ございました", "ございます", "ございまーす", "ございまs", "ました", "ます", "です", "いつも", "本当に", "ほんとに", "どうも", "とても", "すごく", "お願い", "します", "いたします", "解決しました", "わかりました", "分かりました", "教えてくれて", "丁寧に", "ね", "よ", "ー", "w", "笑", "さん", "今日も", "みなさん", "皆さん", "初めて"} {
		rest = strings.ReplaceAll(rest, w, "")
	}
	return len([]rune(rest)) <= 2
}

func selfHarm(text string) bool {
	if has(text, "死ぬほど", "死ぬまで使", "死んだ端末", "死んでる電池") {
		return false
	}
	return has(text, "死にたい", "しにたい", "自殺", "消えてしまいたい", "消えたい", "生きていたくない", "生きるのがつら", "生きるのが辛", "生きる意味", "もう生きて", "リスカ", "リストカット", "自分を傷つけ", "首を吊", "飛び降り", "楽になりたい", "命を絶")
}

// emergency is life in danger, fire or crime, now and here: 火事場セール is none, and neither is anger at a bill.
func emergency(text string) bool {
	if has(text, "火事場", "炎上", "救急箱", "救急便") {
		return false
	}
	return has(text, "火事です", "火事だ", "火事が", "火事に", "火が出", "燃えて", "煙が出", "煙がで", "爆発し", "救急車", "倒れて", "倒れた", "意識がない", "意識が無", "意識不明", "息をして", "息が止ま", "呼吸が", "血が止ま", "大量出血", "刺され", "殴られて", "襲われ", "殺され", "強盗", "不審者", "ストーカーが", "誘拐", "泥棒が", "事故に遭", "事故にあ", "交通事故", "はねられ", "溺れ", "心臓が", "暴力を振る", "脅されて", "助けて誰か", "110番して", "119番して", "警察を呼", "通報し")
}

func insult(text string) bool {
	return has(text, "バカ", "ばか", "馬鹿", "アホ", "あほ", "死ね", "しね", "くそ", "クソ", "糞", "うざい", "ウザい", "うぜえ", "ふざけるな", "ふざけんな", "役立たず", "役に立たない", "使えねえ", "使えないボット", "ポンコツ", "ぽんこつ", "殺す", "ゴミ", "カス野郎", "無能", "消えろ", "黙れ", "だまれ", "詐欺会社", "まぬけ", "低能", "頭悪い", "頭わるい", "いい加減にしろ", "なめてんのか", "なめとんのか") &&
		!has(text, "ゴミ箱", "馬鹿にならない", "ばかにならない", "教えて", "方法", "したい")
}

// others are companies that are asked about here and are not us. Moving between them and us is our business (MNP).
var others = normalAll("ドコモ docomo au エーユー ソフトバンク softbank 楽天モバイル 楽天 rakuten ラインモ linemo uqモバイル uq ワイモバイル ymobile y!mobile ワイモバ マイネオ mineo アハモ ahamo ポボ povo iijmio iij イオンモバイル nuro ヌロ ビッグローブ biglobe 日本通信 ponta dポイント 楽天ポイント tポイント paypayポイント ocnモバイル jcom エックスモバイル hisモバイル")

// appWords belong to the LINE app itself, and to other services.
var appWords = normalAll(`トーク履歴 トークが消え トークのバックアップ 既読 スタンプ 着せかえ きせかえ 絵文字 タイムライン lineボイス voom lineのグループ グループを グループから グループline 友だちを追加 友達を追加 友だち削除 友達削除 友だちを削除 友達を削除 友だちが消え
ブロックされて lineのアイコン プロフィール画像 lineの通知 通知音 lineの通知が lineが開かない lineのアップデート lineが落ち オープンチャット lineノート アルバム linepay ラインペイ line証券 lineギフト lineマンガ ラインマンガ lineミュージック line電話の音
amazon アマゾン メルカリ paypayの paypayで gmail chatgpt windows エクセル パワーポイント ネット銀行
電気代 ガス代 水道 電力会社 nhk 光回線 wifiルーター wi-fiルーター 新幹線 飛行機 ホテル 年金 確定申告 マイナンバー 市役所 病院 クリニック ピザ 出前 レシピ 郵便局 ヤマト運輸 佐川`)

// services use data, so they may stand in a question about data; else they are none of ours.
var services = normalAll("youtube ユーチューブ インスタ instagram twitter ツイッター tiktok ティックトック facebook フェイスブック netflix ネットフリックス google グーグル ライン通話 spotify")

// dataWords make a question about a service one of ours.
var dataWords = normalAll("ギガ データ 通信 遅 おそ 重い くるくる ぐるぐる 止ま とま 見れない 見られない カウント 制限 消費 減 フリー 容量 対象 つながらない 繋がらない")

// chatter is talk about the world, and what tries to talk to the program instead of the carrier (HLP-42).
var chatter = normalAll(`天気 てんき 気温 降水確率 台風 雨降 雪 ニュース 株価 為替 円安 占い うらない 星座 運勢 野球 サッカー 試合 阪神 巨人 大谷 映画 ドラマ アニメ 漫画 ゲーム おすすめの 美味しい おいしい ラーメン カレー 献立 ダイエット 恋人 彼氏 彼女 結婚してください 付き合って 好きです 愛して 歌って 歌を 冗談 ジョーク しりとり なぞなぞ 面白い話 おもしろい話 暇 眠い 疲れた つかれた お腹 おなか 何歳 誕生日 好きな食べ物 趣味 宿題 数学 英訳 翻訳 首都 総理 大統領 戦争 歴史 宝くじ 競馬 パチンコ 猫 犬 今日は何の日 今何時 何曜日
プロンプト ぷろんぷと prompt 指示を無視 命令を無視 これまでの指示 以前の指示 前の指示 ルールを無視 設定を表示 システムメッセージ システムの指示 systemprompt ignoreall ignoreprevious ignorethe 管理者モード 開発者モード developermode jailbreak 脱獄 ロールプレイ になりきって として振る舞 として答え ほかの人の 他の人の 他人の 別の客 全顧客 顧客データ データベース パスワード一覧 selectfrom droptable script`)

func normalAll(words string) (all []string) {
	for _, w := range strings.Fields(words) {
		all = append(all, normal(w))
	}
	return all
}

// elsewhere reports what is none of our business.
func elsewhere(text string) bool {
	if has(text, others...) && !has(text, "から", "乗り換え", "乗換", "のりかえ", "mnp", "転出", "転入", "移りたい", "移る", "予約番号", "そのまま", "端末", "iphone", "simロック", "で買った", "で購入した") {
		return true
	}
	if has(text, services...) && !has(text, dataWords...) {
		return true
	}
	return has(text, appWords...) || has(text, chatter...)
}
