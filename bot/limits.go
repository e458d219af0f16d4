package bot

import (
	"strings"
	"unicode/utf16"

	"github.com/rivo/uniseg"
)

// LINE's limits (line-platform §4). Text and altText count UTF-16 code units, labels grapheme clusters.
const (
	maxText         = 5000
	maxAltText      = 1500
	maxQuickReplies = 13
	maxLabel        = 20
	maxSender       = 20
	maxFlexBytes    = 30 << 10
	maxData         = 300
	maxURI          = 1000
)

// units counts as LINE counts text.
func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// splitText cuts a text into pieces of at most limit units, at the end of a sentence where there is one, else between
// characters as people see them.
func splitText(s string, limit int) (pieces []string) {
	for units(s) > limit {
		cut := cutAt(s, limit)
		pieces = append(pieces, strings.TrimRight(s[:cut], "\n"))
		s = strings.TrimLeft(s[cut:], "\n")
	}
	if s != "" || len(pieces) == 0 {
		pieces = append(pieces, s)
	}
	return pieces
}

// cutAt is the byte offset of the last sentence end within limit units, else of the last whole character.
func cutAt(s string, limit int) int {
	sentence, character, used := 0, 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		used += units(g.Str())
		if used > limit {
			break
		}
		_, character = g.Positions()
		switch g.Str() {
		case "。", "！", "？", "!", "?", "\n":
			sentence = character
		}
	}
	switch {
	case sentence > 0:
		return sentence
	case character > 0:
		return character
	}
	first, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1)
	return len(first) // one character longer than the limit: LINE refuses it, but nothing is torn apart
}

// cutUnits shortens a text to limit units, with an ellipsis.
func cutUnits(s string, limit int) string {
	if units(s) <= limit {
		return s
	}
	return s[:cutAt(s, limit-1)] + "…"
}

// cutLabel shortens a label to LINE's limit in characters as people see them.
func cutLabel(s string) string {
	if uniseg.GraphemeClusterCount(s) <= maxLabel {
		return s
	}
	var b strings.Builder
	g := uniseg.NewGraphemes(s)
	for range maxLabel - 1 {
		g.Next()
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}
