package flows

import "strings"

// LooksSecret reports whether a text, in NFKC form, looks like a password or a login ID with its password (LNK-14): it
// names パスワード with more text, or it is one or two words of which one has eight or more ASCII characters that mix
// letters and digits. A text that claims a gift never is.
func LooksSecret(plain string) bool {
	plain = strings.TrimSpace(plain)
	if strings.HasPrefix(plain, ClaimPrefix) {
		return false
	}
	lower := strings.ToLower(plain)
	for _, name := range []string{"パスワード", "password"} {
		if strings.Contains(lower, name) && strings.Trim(lower, " 　。!?.") != name {
			return true
		}
	}
	words := strings.Fields(plain)
	if len(words) > 2 {
		return false
	}
	for _, w := range words {
		if mixed(w) {
			return true
		}
	}
	return false
}

// ClaimPrefix begins the text that claims a gift; the token follows.
const ClaimPrefix = "データを受け取る "

func mixed(word string) bool {
	var ascii, letters, digits int
	for _, r := range word {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			letters++
		}
		if '!' <= r && r <= '~' {
			ascii++
		}
	}
	return ascii >= 8 && letters > 0 && digits > 0
}
