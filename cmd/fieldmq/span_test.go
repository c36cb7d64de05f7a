package main

import (
	"strings"
	"testing"
)

// A span below zero was taken for none, and the command went on for ever.
func TestCommandsRefuseASpanThatIsNone(t *testing.T) {
	for _, command := range [][]string{{"demo"}, {"sim", "site.yaml"}, {"record", "site.yaml"}, {"sniff", "/dev/null"}} {
		for text, want := range map[string]string{"-1s": "-1s is negative", "5": "5 has no unit; write 5s or 5ms"} {
			_, errs, code := output(t, binary, append(command, "--for", text)...)
			if code != 2 || !strings.Contains(errs, want) {
				t.Errorf("%v --for %s: exit %d, %s", command, text, code, errs)
			}
		}
	}
}
