package main

import (
	"strings"
	"testing"
)

// TestPahoFindsWhatItMayExpect asks for the behaviour that the standards promise to
// clients, of the broker as it is without a word of configuration.
func TestPahoFindsWhatItMayExpect(t *testing.T) {
	b := newBroker(t, `broker: {listen: [{url: "mqtt://127.0.0.1:PORT"}]}`, func(string) {})
	out, errs, code := output(t, debianPython, "testdata/paho_interop.py", "127.0.0.1", b.port)
	if code != 0 || !strings.HasSuffix(out, "\ndone\n") {
		t.Errorf("exit %d (it needs Debian's python3-paho-mqtt)\n%s%s", code, out, errs)
	}
}
