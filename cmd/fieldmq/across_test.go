package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// published runs mosquitto_pub with MQTT 5.
func published(t *testing.T, port string, args ...string) {
	t.Helper()
	if _, errs, code := output(t, "mosquitto_pub", append([]string{"-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1"}, args...)...); code != 0 {
		t.Fatal(errs)
	}
}

// subscribed runs mosquitto_sub with MQTT 5 and returns when it listens.
func subscribed(t *testing.T, port, format, topic string) *process {
	t.Helper()
	published(t, port, "-r", "-t", "probe/ready", "-m", "yes") // comes behind the answer to SUBSCRIBE
	sub := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-F", format, "-t", topic, "-t", "probe/ready")
	sub.expect("probe/ready")
	return sub
}

func TestCommandFromTheCloudIsAnsweredThere(t *testing.T) {
	s, cloud, port := startBridged(t)
	s.allOnline()
	cloud.expect("Received SUBSCRIBE from box")
	for _, c := range []struct{ topic, payload, want string }{
		{"setpoint", "47.5", `"ok":true`},
		{"setpoint", "470", `"ok":false`},
	} {
		answer, errs, code := output(t, "mosquitto_rr", "-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-W", "20",
			"-t", "plant/device/boiler/"+c.topic+"/set", "-e", "plant/answers/me", "-D", "publish", "correlation-data", "c-1", "-m", c.payload)
		if code != 0 || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %q, %s (%d), want %s", c.payload, answer, errs, code, c.want)
		}
	}
}

func TestPropertiesCrossTheBridgeBothWays(t *testing.T) {
	port := freePort(t)
	cloud := startMosquitto(t, "-v", "-p", port)
	k := startKept(t, fmt.Sprintf("upstreams: {c: {url: \"mqtt://127.0.0.1:%s\", out: [{topic: \"up/#\"}], in: [{topic: \"down/#\"}]}}\n", port))
	cloud.expect("Received SUBSCRIBE from box")
	const format = "%t|%p|%C|%D|%E|%F|%P|%R"
	for _, c := range []struct{ topic, from, to string }{{"up/x", k.mqtt, port}, {"down/x", port, k.mqtt}} {
		sub := subscribed(t, c.to, format, c.topic)
		published(t, c.from, "-t", c.topic, "-m", "payload", "-D", "publish", "content-type", "text/csv", "-D", "publish", "correlation-data", "c-7",
			"-D", "publish", "message-expiry-interval", "300", "-D", "publish", "payload-format-indicator", "1",
			"-D", "publish", "response-topic", "answers/here", "-D", "publish", "user-property", "unit", "Cel", "-D", "publish", "user-property", "unit", "K")
		line := sub.expect(c.topic + "|payload|text/csv|c-7|")
		for _, want := range []string{"|1|", "unit:Cel", "unit:K"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: %s has no %s", c.topic, line, want)
			}
		}
		if left := strings.Split(line, "|")[4]; left != "300" && left != "299" && left != "298" {
			t.Errorf("%s: expires in %q", c.topic, left)
		}
		if response := line[strings.LastIndex(line, "|")+1:]; c.topic == "up/x" && response != "answers/here" || c.topic == "down/x" && !strings.HasPrefix(response, "upstream/c/reply/") {
			t.Errorf("%s: the response topic is %q", c.topic, response)
		}
	}
}

// startBox runs a gateway that sends and takes everything under device/.
func startBox(t *testing.T, id, cloud string) (port string) {
	t.Helper()
	port = freePort(t)
	file := filepath.Join(t.TempDir(), "site.yaml")
	text := fmt.Sprintf(`gateway: {id: %s, every: 1h}
broker: {listen: [{url: "mqtt://127.0.0.1:%s"}]}
upstreams:
  c: {url: "mqtt://127.0.0.1:%s", out: [{topic: "shared/+/#", to: "all/+/#"}], in: [{topic: "all/+/#", to: "shared/+/#"}]}
`, id, port, cloud)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, binary, "run", "--config", file).expect("upstream is connected")
	return port
}

func TestTwoGatewaysOnOneCloudMakeNoLoop(t *testing.T) {
	port := freePort(t)
	cloud := startMosquitto(t, "-v", "-p", port)
	a, b := startBox(t, "a", port), startBox(t, "b", port)
	cloud.expect("Received SUBSCRIBE from a")
	cloud.expect("Received SUBSCRIBE from b")
	there, at := subscribed(t, port, "%t %p", "all/#"), subscribed(t, b, "%t %p", "shared/#")
	published(t, a, "-t", "shared/a/x", "-m", "hello")
	at.expect("shared/a/x hello")
	published(t, a, "-t", "shared/a/x", "-m", "bye")
	at.expect("shared/a/x bye")
	time.Sleep(500 * time.Millisecond) // a loop would be many times round by now
	for _, p := range []*process{there, at} {
		if got := strings.Count(strings.Join(p.printed(), "\n"), " hello"); got != 1 {
			t.Errorf("hello came %d times", got)
		}
	}
}
