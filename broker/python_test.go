package broker

import (
	"context"
	"net"
	"os/exec"
	"testing"
)

// TestPythonsPahoIsServed goes through connect, all qualities of service,
// retained messages, wills and sessions. Debian's own Python has Debian's
// packages; another one on PATH has not.
func TestPythonsPahoIsServed(t *testing.T) {
	for version := range both {
		t.Run(version, func(t *testing.T) {
			_, addr := start(t, Defaults())
			host, port, _ := net.SplitHostPort(addr)
			ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, "/usr/bin/python3", "testdata/paho_client.py", host, port, version).CombinedOutput()
			if err != nil || string(out) != "done\n" {
				t.Errorf("%v: %s (it needs Debian's python3-paho-mqtt)", err, out)
			}
		})
	}
}
