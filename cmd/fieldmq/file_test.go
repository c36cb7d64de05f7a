package main

import (
	"strings"
	"testing"
)

// One of the two was left unread, and nobody said which.
func TestFileIsNamedOnce(t *testing.T) {
	for _, command := range []string{"run", "broker", "sim", "doctor"} {
		_, errs, code := output(t, binary, command, "a.yaml", "--config", "b.yaml")
		if code != 2 || !strings.Contains(errs, "the file is named twice: a.yaml, and b.yaml by --config") {
			t.Errorf("%s: exit %d, %s", command, code, errs)
		}
	}
}
