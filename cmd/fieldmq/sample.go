package main

import (
	"regexp/syntax"
	"strings"
)

// sampleText is a text that a regular expression matches, with numbers where
// digits may stand. What an expression only asserts is left out.
func sampleText(expression string) (string, error) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	sample(&b, re)
	return b.String(), nil
}

func sample(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			sample(b, sub)
		}
	case syntax.OpAlternate:
		sample(b, re.Sub[0])
	case syntax.OpPlus:
		times := 1
		if digits(re.Sub[0]) {
			times = 2
		}
		repeat(b, re.Sub[0], times)
	case syntax.OpRepeat:
		repeat(b, re.Sub[0], max(re.Min, min(1, re.Max)))
	}
}

func repeat(b *strings.Builder, re *syntax.Regexp, times int) {
	for range times {
		sample(b, re)
	}
}

func digits(re *syntax.Regexp) bool {
	return re.Op == syntax.OpCharClass && oneOf(re.Rune) == '5'
}

// oneOf picks from ranges of characters: a digit where one may stand.
func oneOf(ranges []rune) rune {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= '5' && '5' <= ranges[i+1] {
			return '5'
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
