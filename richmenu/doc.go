// Package richmenu has the menus under the chat: what they are, how they look, and how they get to LINE.
//
// There are four menus, one for each link state (MNU-03), as plain values in menus.go. People without a link have one
// picture; the others have two, 「マイデータ」 and 「契約・お支払い」, that switch by alias without a round trip to us.
// [For] names the menu of a link state; that name is a rich menu alias at LINE, so nobody else needs to know menu IDs.
//
//	menus.go ──▶ paint.go ──▶ images/*.png ──▶ install.go ──▶ LINE
//	    └──────────── tap areas ───────────────────┘
//
// A [Menu] is a list of parts with bounds. The same bounds are painted and become LINE's tap areas, so the two cannot
// drift apart. [Preview] paints with a font file that is given to it; the pictures are committed and embedded, so that
// nothing needs a font at run time. [Installer] makes LINE have exactly these menus.
package richmenu
