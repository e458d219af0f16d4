package linesim

import "unicode"

// graphemes counts what a reader sees as characters: a letter with its marks, a flag, an emoji put together from
// several. It follows Unicode's rules for extended grapheme clusters as far as chats need them; prepended marks and
// Indic conjuncts are counted by code point.
func graphemes(s string) int {
	n := 0
	var before rune = '\n' // as after a break
	flag, joined, picture := false, false, false
	for _, r := range s {
		joins := n > 0 && sticks(before, r)
		switch {
		case joined && isPicture(r):
			joins = true
		case flag && isRegional(r):
			joins, flag = true, false
		default:
			flag = isRegional(r)
		}
		joined = r == '\u200d' && picture
		picture = isPicture(r) || picture && extends(r)
		if !joins {
			n++
		}
		before = r
	}
	return n
}

// sticks reports whether no boundary lies between two neighbours, whatever came before them.
func sticks(a, b rune) bool {
	if a == '\r' && b == '\n' {
		return true
	}
	if isControl(a) || isControl(b) {
		return false
	}
	if extends(b) || b == '\u200d' || unicode.Is(unicode.Mc, b) {
		return true
	}
	switch from, to := hangul(a), hangul(b); from {
	case 'L':
		return to == 'L' || to == 'V' || to == 'B' || to == 'C'
	case 'V', 'B':
		return to == 'V' || to == 'T'
	case 'T', 'C':
		return to == 'T'
	}
	return false
}

func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\u200b' || r == '\ufeff'
}

// extends reports marks that never stand alone, among them variation selectors, skin tones, the tags of regional
// flags and the halfwidth voicing marks.
func extends(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me) || r == '\u200c' || r == '\uff9e' || r == '\uff9f' ||
		r >= 0x1f3fb && r <= 0x1f3ff || r >= 0xe0020 && r <= 0xe007f
}

func isRegional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// isPicture reports characters that a zero width joiner can bind to the picture before it.
func isPicture(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff && !isRegional(r) && !extends(r) ||
		r >= 0x2190 && r <= 0x3299 && unicode.In(r, unicode.So, unicode.Sm) || r == '©' || r == '®'
}

// hangul classes a character of Korean writing: leading, vowel, trailing jamo, or a syllable without (B) or with (C)
// a trailing one.
func hangul(r rune) rune {
	switch {
	case r >= 0x1100 && r <= 0x115f, r >= 0xa960 && r <= 0xa97c:
		return 'L'
	case r >= 0x1160 && r <= 0x11a7, r >= 0xd7b0 && r <= 0xd7c6:
		return 'V'
	case r >= 0x11a8 && r <= 0x11ff, r >= 0xd7cb && r <= 0xd7fb:
		return 'T'
	case r >= 0xac00 && r <= 0xd7a3 && (r-0xac00)%28 == 0:
		return 'B'
	case r >= 0xac00 && r <= 0xd7a3:
		return 'C'
	}
	return 0
}

// utf16Length counts UTF-16 code units, LINE's usual measure.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
