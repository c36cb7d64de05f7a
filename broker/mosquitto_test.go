package broker

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// mosquitto runs one of Debian's clients and returns what it printed.
func mosquitto(t *testing.T, program, addr, version string, args ...string) (wait func() string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	cmd := exec.CommandContext(ctx, program, append([]string{"-h", host, "-p", port, "-V", version}, args...)...)
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install Debian's mosquitto-clients", err)
	}
	return func() string {
		defer cancel()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s %s: %v: %s", program, strings.Join(args, " "), err, fault.String())
		}
		return out.String()
	}
}

func TestMosquittoClientsExchangeMessages(t *testing.T) {
	for _, version := range []string{"mqttv311", "mqttv5"} {
		for _, qos := range []string{"0", "1", "2"} {
			t.Run(version+" QoS "+qos, func(t *testing.T) {
				s, addr := start(t, Defaults())
				sub := mosquitto(t, "mosquitto_sub", addr, version, "-t", "a/#", "-q", qos, "-C", "3", "-v")
				waitFor(t, "a subscription", func() bool { return s.tree.Len() == 1 })
				mosquitto(t, "mosquitto_pub", addr, version, "-t", "a/b", "-q", qos, "-m", "1")()
				mosquitto(t, "mosquitto_pub", addr, version, "-t", "a", "-q", qos, "-m", "2")()
				mosquitto(t, "mosquitto_pub", addr, version, "-t", "a/b/c", "-q", qos, "-m", "3")()
				if got, want := sub(), "a/b 1\na 2\na/b/c 3\n"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}
