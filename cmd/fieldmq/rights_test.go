package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// rightsYAML lets dashboard read all but what is denied, and ann write what %s says.
const rightsYAML = `
gateway: {data: DIR/data}
broker:
  listen: [{url: "mqtt://127.0.0.1:PORT", anonymous: false}]
  users: users
  access:
    - {user: ann, publish: [%s]}
    - {user: dashboard, subscribe: ["#"], publish: [zzz], deny: [%s]}
`

// finds are the retained topics that dashboard is given when it subscribes to all,
// in their order, of which zzz is the last.
func (b *testBroker) finds(t *testing.T) (topics []string) {
	t.Helper()
	sub := start(t, "mosquitto_sub", b.args("-V", "5", "-u", "dashboard", "-P", "lights", "-t", "#", "--retained-only", "-F", "%t")...)
	defer sub.kill()
	sub.expect("zzz")
	for _, line := range sub.printed() {
		if line != "zzz" {
			topics = append(topics, line)
		}
	}
	return topics
}

func (b *testBroker) reread(t *testing.T, publish, deny string) {
	t.Helper()
	from := b.count()
	b.configure(t, fmt.Sprintf(rightsYAML, publish, deny))
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.expectAfter(from, "read again")
}

func TestRightsThatAreTakenBackHoldForWhatIsRetained(t *testing.T) {
	b := newBroker(t, fmt.Sprintf(rightsYAML, `"#"`, ""), addUsers(t))
	for _, topic := range []string{"plant/a", "secret/a"} {
		if printed, code := b.publish(t, "-u", "ann", "-P", "secret", "-q", "1", "-r", "-t", topic, "-m", "x"); code != 0 {
			t.Fatal(printed)
		}
	}
	if printed, code := b.publish(t, "-u", "dashboard", "-P", "lights", "-q", "1", "-r", "-t", "zzz", "-m", "x"); code != 0 {
		t.Fatal(printed)
	}
	want := func(when string, topics ...string) {
		t.Helper()
		if got := b.finds(t); !slices.Equal(got, topics) {
			t.Errorf("%s: dashboard finds %q, want %q", when, got, topics)
		}
	}
	want("all is allowed", "plant/a", "secret/a")
	b.reread(t, `"#"`, `"secret/#"`)
	want("something is denied to it", "plant/a")
	b.reread(t, `"secret/#"`, "")
	want("ann may write less", "secret/a")
	b.kill()
	b.process = start(t, binary, "broker", "--config", filepath.Join(b.dir, "broker.yaml"))
	b.expect("listening")
	want("after a kill", "secret/a")
	b.reread(t, `"#"`, "")
	want("ann may write all again", "plant/a", "secret/a")
}
