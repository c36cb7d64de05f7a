package configs

import (
	"strconv"
	"strings"
)

const (
	longestWord  = 60   // characters that a fault quotes
	longestFault = 1000 // characters of a fault, whoever wrote it
)

// cut keeps the beginning of a long text.
func cut(s string, longest int) string {
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "..."
	}
	return s
}

// quote is a text for a fault: in quotes, without what cannot be printed.
func quote(s string) string { return strconv.Quote(cut(s, longestWord)) }

// list is "a, b or c".
func list(words []string, last string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
}

// pathName is a key as a part of a path: without what cannot be printed.
func pathName(key string) string { return printable(cut(key, longestWord)) }
