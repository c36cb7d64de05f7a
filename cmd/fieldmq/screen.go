package main

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// spare are the directions that a small terminal does without, the first that goes
// first.
var spare = []string{"socket", "cloud", "break", "write"}

// layOut fills a terminal. Lines of the head are to be copied: one that is wider
// than the terminal goes on in its next row, as a line without an end does, and is
// never cut. The board has the rows below: as a table if they hold all but what the
// gateway says of itself, else a line or some a device.
func layOut(head []string, b *board, width, height int, now time.Time, color bool) string {
	for _, word := range spare {
		if height-rowsOf(head, width) >= len(b.devices) {
			break
		}
		head = slices.DeleteFunc(slices.Clone(head), func(line string) bool { return strings.HasPrefix(line, word) })
	}
	var rows []string
	room := height
	for _, line := range head {
		takes := rowsOf([]string{line}, width)
		if takes > room {
			break
		}
		room -= takes
		if utf8.RuneCountInString(line) != takes*width { // else the last character would go
			line += clearLine
		}
		rows = append(rows, line)
	}
	lines, field := b.lines(now, color)
	if devices := len(b.devices); devices > 0 && (field > room || width < tableWidth) {
		lines = b.short(width, max(1, room/devices), color)
	}
	for _, line := range lines[:min(len(lines), room)] {
		rows = append(rows, cut(line, width)+clearLine)
	}
	return home + strings.Join(rows, "\r\n") + clearDown
}

// rowsOf is how many rows of a terminal lines take.
func rowsOf(lines []string, width int) int {
	rows := 0
	for _, line := range lines {
		rows += max(1, (utf8.RuneCountInString(line)+width-1)/width)
	}
	return rows
}
