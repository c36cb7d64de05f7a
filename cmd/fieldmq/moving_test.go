package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// old is a broker to move from, or the one to move to.
type old struct {
	t    *testing.T
	port string
}

// as connects a user, whose password is the name; nobody without.
func (o old) as(user string) *peer {
	o.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+o.port)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p := &peer{o.t, conn, packet.NewReader(conn, 1<<20)}
	c := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: "c-" + user, HasUser: user != "", User: user, HasPassword: user != "", Password: []byte(user)}
	p.send(c.Append(nil))
	if f := p.next(packet.CONNACK); f.Body[1] != 0 {
		o.t.Fatalf("%q is refused: %d", user, f.Body[1])
	}
	return p
}

// publishAll publishes to topics, and waits until that is done.
func (p *peer) publishAll(topics []string, payload string) {
	p.t.Helper()
	for i, topic := range topics {
		m := mqtt.Message{Topic: topic, Payload: []byte(payload)}
		out := packet.Outgoing{Message: &m, QoS: 1, ID: uint16(i + 1)}
		p.send(out.Append(nil, packet.V311))
	}
	for range topics {
		p.next(packet.PUBACK)
	}
}

// heard is what has come until now.
func (p *peer) heard() (all []string) {
	p.t.Helper()
	p.send(packet.AppendPing(nil, packet.PINGREQ))
	for {
		f, err := p.reader.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.Type() {
		case packet.PINGRESP:
			return all
		case packet.PUBLISH:
			var m packet.Publish
			if err := m.Decode(packet.V311, f); err != nil {
				p.t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s by %s", m.Topic, m.Payload))
		}
	}
}

// rights are who may publish and hear what, as it turns out.
func (o old) rights() (all []string) {
	o.t.Helper()
	users := []string{"", "admin", "ann", "bob", "dashboard"}
	topics := []string{"public/a", "plant/a", "plant/secret/a", "plant/secret", "device/ann/a", "device/bob/a", "device/dashboard/a", "else"}
	witness := o.as("dashboard")
	witness.subscribe("#", 0)
	for _, user := range users {
		if user == "dashboard" { // it is the witness
			continue
		}
		o.as(user).publishAll(topics, user)
	}
	all = witness.heard()
	for _, user := range users {
		p := o.as(user)
		for _, topic := range topics {
			p.subscribe(mqtt.Filter(topic), 0)
		}
		o.as("admin").publishAll(topics, "admin")
		if user == "admin" { // it was thrown out
			continue
		}
		for _, heard := range p.heard() {
			all = append(all, fmt.Sprintf("%q hears %s", user, heard))
		}
	}
	slices.Sort(all)
	return all
}

// TestMovingFromMosquittoKeepsRights runs mosquitto by the files of the guide, and
// fieldmq by those that the guide makes of them.
func TestMovingFromMosquittoKeepsRights(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	passwords := write("passwd", "")
	for _, user := range []string{"admin", "ann", "bob", "dashboard"} {
		if out, err := exec.Command("mosquitto_passwd", "-b", passwords, user, user).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	port := freePort(t)
	conf := strings.NewReplacer("1883", port, "/etc/mosquitto/passwd", passwords, "/etc/mosquitto/acl", write("acl", blocks(t, "operator.md", "acl")[0]), "/var/lib/mosquitto/", dir+"/").
		Replace(blocks(t, "operator.md", "conf")[0])
	mosquitto := start(t, "mosquitto", "-v", "-c", write("mosquitto.conf", "user root\n"+conf))
	mosquitto.expect("running")
	before := old{t, port}.rights()

	port = freePort(t)
	for _, block := range blocks(t, "operator.md", "yaml") {
		if strings.Contains(block, "/etc/mosquitto/passwd") {
			text := strings.NewReplacer("1883", port, "/etc/mosquitto/passwd", passwords, "/var/lib/fieldmq", filepath.Join(dir, "data")).Replace(block)
			ours := start(t, binary, "broker", "--config", write("broker.yaml", text))
			ours.expect("listening")
		}
	}
	after := old{t, port}.rights()
	if !slices.Equal(before, after) || len(after) == 0 {
		t.Errorf("mosquitto:\n%s\nfieldmq:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// TestMosquittoBridgesToTheBroker: as it does by itself, a bridge tells of its state
// below $SYS, in its will too.
func TestMosquittoBridgesToTheBroker(t *testing.T) {
	b := newBroker(t, `
broker:
  listen: [{url: "mqtt://127.0.0.1:PORT", anonymous: false}]
  users: users
  access:
    - {user: site, subscribe: ["site/#"], publish: ["site/#", "$SYS/broker/connection/+/state"]}
    - {user: ann, subscribe: ["#", "$SYS/#"], publish: ["#"]}
`, func(dir string) {
		addUser(t, dir, "site", "bridge")
		addUser(t, dir, "ann", "secret")
	})
	for _, version := range []string{"mqttv311", "mqttv50"} {
		t.Run(version, func(t *testing.T) {
			ann := []string{"-u", "ann", "-P", "secret", "-q", "1"}
			watch := b.subscribe(t, append([]string{"-t", "site/#", "-t", "$SYS/broker/connection/+/state"}, ann...)...)
			port := freePort(t)
			conf := filepath.Join(t.TempDir(), "mosquitto.conf")
			text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nconnection up\naddress 127.0.0.1:%s\nremote_clientid %[3]s\n"+
				"bridge_protocol_version %[3]s\nremote_username site\nremote_password bridge\ntopic site/# both 1\n", port, b.port, version)
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			mosquitto := start(t, "mosquitto", "-v", "-c", conf)
			state := "$SYS/broker/connection/" + version + "/state "
			watch.expect(state + "1")
			there := &testBroker{process: mosquitto, port: port}
			far := there.subscribe(t, "-t", "site/down", "-q", "1")
			if out, code := there.publish(t, "-t", "site/up", "-m", "1", "-q", "1"); code != 0 {
				t.Fatal(out)
			}
			watch.expect("site/up 1")
			if out, code := b.publish(t, append([]string{"-t", "site/down", "-m", "2"}, ann...)...); code != 0 {
				t.Fatal(out)
			}
			far.expect("site/down 2")
			mosquitto.kill()
			watch.expect(state + "0")
		})
	}
}
