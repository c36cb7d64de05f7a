package main

import (
	"strings"
	"syscall"
	"testing"
)

const loudYAML = `
broker:
  listen: [{url: "mqtt://127.0.0.1:PORT", anonymous: false}]
  users: users
  access:
    - {user: dashboard, subscribe: ["$CONTROL/#"], publish: ["$CONTROL/log"]}
    - {user: "*", publish: ["device/%u/#"]}
`

func TestLevelOfOneClientIsRaisedByMQTT(t *testing.T) {
	b := newBroker(t, loudYAML, addUsers(t))
	ann := []string{"-V", "5", "-u", "ann", "-P", "secret", "-q", "1"}
	dashboard := []string{"-V", "5", "-u", "dashboard", "-P", "lights", "-q", "1"}
	publish := func(as []string, client, topic, payload string) string {
		printed, _ := b.publish(t, append([]string{"-d", "-i", client, "-t", topic, "-m", payload}, as...)...)
		return printed
	}
	request := `{"for": "client=meter-7", "level": "debug", "time": "5m"}`
	if printed := publish(ann, "ann", "$CONTROL/log", request); !strings.Contains(printed, "RC:135") {
		t.Errorf("a client without the right is heard: %s", printed)
	}
	replies := b.subscribe(t, append(dashboard, "-t", "$CONTROL/log/reply")...)
	publish(dashboard, "d", "$CONTROL/log", request)
	if got := replies.expect("$CONTROL/log/reply {"); !strings.Contains(got, `"ok":true`) || !strings.Contains(got, "client=meter-7") {
		t.Errorf("got %s", got)
	}
	publish(ann, "meter-8", "device/ann/quiet", "x")
	publish(ann, "meter-7", "device/ann/loud", "x")
	if got := b.expect("topic=device/ann/loud"); !strings.Contains(got, "client=meter-7") || !strings.Contains(got, "packet=PUBLISH") {
		t.Errorf("got %s", got)
	}
	if printed := strings.Join(b.printed(), "\n"); strings.Contains(printed, "device/ann/quiet") {
		t.Errorf("another client is logged: %s", printed)
	}
}

func TestLevelsOfTheFileAreReadAgain(t *testing.T) {
	b := newBroker(t, loudYAML, addUsers(t))
	ann := []string{"-V", "5", "-u", "ann", "-P", "secret", "-q", "1", "-m", "x"}
	b.publish(t, append(ann, "-t", "device/ann/quiet")...)
	b.configure(t, loudYAML+"log: {rules: [{for: part=broker, level: debug}]}\n")
	if err := b.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	b.expect("read again")
	b.publish(t, append(ann, "-t", "device/ann/loud")...)
	b.expect("topic=device/ann/loud")
	if printed := strings.Join(b.printed(), "\n"); strings.Contains(printed, "device/ann/quiet") {
		t.Errorf("logged too early: %s", printed)
	}
}
