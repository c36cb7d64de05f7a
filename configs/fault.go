package configs

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
)

// Fault is one thing that is wrong in a file.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1; 0: the file as a whole
	Column int    `json:"column"` // from 1, in characters
	Path   string `json:"path"`   // buses.panel.parity; empty: the file as a whole
	Text   string `json:"text"`   // what is wrong and what to write instead

	source string // the line, for Explain
}

// String is the fault on one line, as compilers write them:
//
//	site.yaml:12:9: buses.panel.parity: "evn" is not even, odd or none
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

func compareFaults(a, b Fault) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Faults is everything that is wrong, in file order. It is an error where it
// is not empty.
type Faults []Fault

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Explain lists the faults for a terminal, each with its line of the file and
// a mark under the place.
func (f Faults) Explain() string {
	var b strings.Builder
	for _, fault := range f {
		b.WriteString(fault.String() + "\n")
		b.WriteString(fault.quote())
	}
	return b.String()
}

// quote is the fault's line of the file with a caret below, empty if there is
// none. Long lines are cut on both sides of the place.
func (f Fault) quote() string {
	const before, after = 60, 40
	line := []rune(printable(f.source))
	column := min(max(f.Column-1, 0), len(line))
	if len(line) == 0 {
		return ""
	}
	from, to := max(0, column-before), min(len(line), column+after)
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(line[from:column]))
	number := fmt.Sprintf("%5d", f.Line)
	return fmt.Sprintf("%s | %s\n%s | %s^\n", number, string(line[from:to]), strings.Repeat(" ", len(number)), pad)
}

// printable keeps a file from speaking to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}
