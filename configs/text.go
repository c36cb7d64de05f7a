package configs

import (
	"strconv"
	"strings"
)

// quote is a text for a fault: in quotes, without what cannot be printed, and
// cut where it is long.
func quote(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "..."
	}
	return strconv.Quote(s)
}

// list is "a, b or c".
func list(words []string, last string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
}

// pathName is a key as a part of a path: without what cannot be printed, and
// cut where it is long.
func pathName(key string) string {
	const longest = 60
	if runes := []rune(key); len(runes) > longest {
		key = string(runes[:longest]) + "..."
	}
	return printable(key)
}
