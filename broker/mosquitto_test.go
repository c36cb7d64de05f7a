package broker

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// mosquittoCommand starts one of Debian's clients.
func mosquittoCommand(t *testing.T, program, addr, version string, args ...string) *exec.Cmd {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, append([]string{"-h", host, "-p", port, "-V", version}, args...)...)
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install Debian's mosquitto-clients", err)
	}
	return cmd
}

// mosquitto runs one of Debian's clients; wait returns what it printed.
func mosquitto(t *testing.T, program, addr, version string, args ...string) (wait func() string) {
	t.Helper()
	cmd := mosquittoCommand(t, program, addr, version, args...)
	return func() string {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s %s: %v: %v", program, strings.Join(args, " "), err, cmd.Stderr)
		}
		return cmd.Stdout.(*bytes.Buffer).String()
	}
}

func TestMosquittoClientsExchangeMessages(t *testing.T) { // 3.1.1 [MQTT-7.0.0-2]
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

func TestMosquittoSeesRetainedMessagesAndWills(t *testing.T) {
	for _, version := range []string{"mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			s, addr := start(t, Defaults())
			mosquitto(t, "mosquitto_pub", addr, version, "-t", "state", "-m", "on", "-r", "-q", "1")()
			if got := mosquitto(t, "mosquitto_sub", addr, version, "-t", "state", "-C", "1", "-F", "%t %p %r")(); got != "state on 1\n" {
				t.Errorf("got %q", got)
			}
			mosquitto(t, "mosquitto_pub", addr, version, "-t", "state", "-n", "-r")()
			waitFor(t, "empty topic", func() bool { return s.retained.Len() == 0 })

			watch := mosquitto(t, "mosquitto_sub", addr, version, "-t", "will", "-C", "1")
			waitFor(t, "a subscription", func() bool { return s.tree.Len() == 1 })
			dies := mosquittoCommand(t, "mosquitto_sub", addr, version, "-t", "x", "--will-topic", "will", "--will-payload", "gone")
			waitFor(t, "a second subscription", func() bool { return s.tree.Len() == 2 })
			if err := dies.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = dies.Wait() // it was killed
			if got := watch(); got != "gone\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestMosquittoFindsItsSessionAgain(t *testing.T) {
	for _, version := range []string{"mqttv311", "mqttv5"} {
		t.Run(version, func(t *testing.T) {
			s, addr := start(t, Defaults())
			args := []string{"-t", "t", "-q", "2", "-c", "-i", "a", "-C", "1", "-W", "5"}
			if version == "mqttv5" {
				args = append(args, "-x", "100")
			}
			first := mosquitto(t, "mosquitto_sub", addr, version, args...)
			waitFor(t, "a subscription", func() bool { return s.tree.Len() == 1 })
			mosquitto(t, "mosquitto_pub", addr, version, "-t", "t", "-m", "1", "-q", "2")()
			first()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			mosquitto(t, "mosquitto_pub", addr, version, "-t", "t", "-m", "2", "-q", "2")()
			if got := mosquitto(t, "mosquitto_sub", addr, version, args...)(); got != "2\n" {
				t.Errorf("got %q", got)
			}
		})
	}
}
