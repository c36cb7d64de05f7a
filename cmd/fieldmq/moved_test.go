package main

import "testing"

func TestScalarsAreReplacedInPlace(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"in a block", "    port: /dev/ttyUSB0      # the left one", `    port: "new"      # the left one`},
		{"in braces", "  a: {driver: x, port: /dev/x, baud: 9600}", `  a: {driver: x, port: "new", baud: 9600}`},
		{"at the end of braces", "  a: {driver: x, port: /dev/x }", `  a: {driver: x, port: "new" }`},
		{"in quotes", `  a: {port: "${A:-/dev/x}", b: 1}`, `  a: {port: "new", b: 1}`},
		{"in quotes with quotes", `  a: {port: "a\"b", b: 1}`, `  a: {port: "new", b: 1}`},
		{"behind other alphabets", `  é: {port: 'ü', b: 1}`, `  é: {port: "new", b: 1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			column := 0
			for i, r := range []rune(c.line) {
				if string([]rune(c.line)[max(0, i-6):i]) == "port: " && r != ' ' {
					column = i + 1
				}
			}
			if got := replaceScalar(c.line, column, `"new"`); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestKeysAreAddedInStyle(t *testing.T) {
	if got := addAfter("  pins: {driver: gpio}", 18, "chip: x"); got != "  pins: {driver: gpio, chip: x}" {
		t.Error(got)
	}
	if got := addAfter("    driver: gpio # pins", 13, "chip: x"); got != "    driver: gpio # pins\n    chip: x" {
		t.Error(got)
	}
}
