package main

import (
	"regexp"
	"testing"
)

func TestSampleTextMatches(t *testing.T) {
	for _, expression := range []string{
		`ST,GS,\s*([+-]?\d+\.\d+)\s*kg`, `^T=(?P<t>-?\d{1,3}(\.\d)?)C$`, `(ON|OFF)`, `[A-F]{2}\w+.?`, `\bH(\d*)`, `W{0,3}`, ``,
	} {
		text, err := sampleText(expression)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(expression).MatchString(text) {
			t.Errorf("%q does not match %s", text, expression)
		}
	}
}
