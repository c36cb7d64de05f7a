package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// kept is a gateway without devices that keeps its data, as a process.
type kept struct {
	t          *testing.T
	file, mqtt string
	run        *process
}

func startKept(t *testing.T, more string) *kept {
	t.Helper()
	dir := t.TempDir()
	k := &kept{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t)}
	text := fmt.Sprintf("gateway: {id: box, data: %q}\nbroker: {max_queued: 20000, listen: [{url: mqtt://127.0.0.1:%s}]}\n%s", filepath.Join(dir, "data"), k.mqtt, more)
	if err := os.WriteFile(k.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k.start()
	return k
}

func (k *kept) start() {
	k.t.Helper()
	k.run = start(k.t, binary, "run", "--config", k.file)
	k.run.expect("listening")
}

func (k *kept) crash() {
	k.t.Helper()
	k.run.kill()
	k.start()
}

// peer is a client that speaks packets.
type peer struct {
	t      *testing.T
	conn   net.Conn
	reader *packet.Reader
}

func (k *kept) dial(id string, will *packet.Will) *peer {
	k.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+k.mqtt)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p := &peer{k.t, conn, packet.NewReader(bufio.NewReader(conn), 1<<20)}
	c := packet.Connect{Version: packet.V311, ClientID: id, Will: will} // clean session 0: it lasts
	p.send(c.Append(nil))
	p.next(packet.CONNACK)
	return p
}

func (p *peer) send(buf []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(buf); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) next(want packet.Type) packet.Frame {
	p.t.Helper()
	f, err := p.reader.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	if f.Type() != want {
		p.t.Fatalf("got %v, want %v", f.Type(), want)
	}
	return f
}

func (p *peer) subscribe(filter mqtt.Filter, qos mqtt.QoS) {
	p.t.Helper()
	s := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: filter, QoS: qos}}}
	p.send(s.Append(nil, packet.V311))
	p.next(packet.SUBACK)
}

// publish sends n numbered messages, many at a time, and waits for all
// acknowledgements.
func (p *peer) publish(n int, qos mqtt.QoS) {
	p.t.Helper()
	const window = 500
	for from := 0; from < n; from += window {
		var buf []byte
		for i := from; i < from+window; i++ {
			m := mqtt.Message{Topic: "t", Payload: fmt.Append(nil, i)}
			out := packet.Outgoing{Message: &m, QoS: qos, ID: uint16(i + 1)}
			buf = out.Append(buf, packet.V311)
		}
		p.send(buf)
		for i := range window {
			if qos == mqtt.AtLeastOnce {
				p.next(packet.PUBACK)
				continue
			}
			p.next(packet.PUBREC)
			p.send(packet.AppendAck(nil, packet.V311, packet.PUBREL, uint16(from+i+1), packet.Success))
		}
		for range window {
			if qos == mqtt.ExactlyOnce {
				p.next(packet.PUBCOMP)
			}
		}
	}
}

// take receives n numbered messages in order, acknowledges them, and then
// expects silence.
func (p *peer) take(n int) {
	p.t.Helper()
	var in packet.Publish
	for got := 0; got < n; {
		f, err := p.reader.Next()
		if err != nil {
			p.t.Fatalf("after %d messages: %v", got, err)
		}
		switch f.Type() {
		case packet.PUBLISH:
			if err := in.Decode(packet.V311, f); err != nil {
				p.t.Fatal(err)
			}
			if string(in.Payload) != fmt.Sprint(got) {
				p.t.Fatalf("message %d is %q", got, in.Payload)
			}
			got++
			answer := packet.PUBACK
			if in.QoS == mqtt.ExactlyOnce {
				answer = packet.PUBREC
			}
			p.send(packet.AppendAck(nil, packet.V311, answer, in.ID, packet.Success))
		case packet.PUBREL:
			p.release(f)
		}
	}
	p.send(packet.AppendPing(nil, packet.PINGREQ))
	for {
		f, err := p.reader.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.Type() {
		case packet.PUBREL:
			p.release(f)
		case packet.PUBLISH:
			p.t.Fatal("a message came twice")
		case packet.PINGRESP:
			return
		}
	}
}

func (p *peer) release(f packet.Frame) {
	p.t.Helper()
	var rel packet.Ack
	if err := rel.Decode(packet.V311, f); err != nil {
		p.t.Fatal(err)
	}
	p.send(packet.AppendAck(nil, packet.V311, packet.PUBCOMP, rel.ID, packet.Success))
}

func TestAcknowledgedMessagesSurviveKill(t *testing.T) {
	for _, sync := range []string{"adaptive", "always", "200ms"} {
		for _, qos := range []mqtt.QoS{mqtt.AtLeastOnce, mqtt.ExactlyOnce} {
			t.Run(fmt.Sprintf("%s, QoS %d", sync, qos), func(t *testing.T) {
				const n = 10_000
				k := startKept(t, "store: {sync: "+sync+", segment: 256KiB}\n")
				sub := k.dial("sub", nil)
				sub.subscribe("t", qos)
				sub.conn.Close()
				k.dial("pub", nil).publish(n, qos)
				k.crash()
				k.dial("sub", nil).take(n)
				if qos == mqtt.ExactlyOnce {
					k.crash()
					k.dial("sub", nil).take(0)
				}
			})
		}
	}
}

func TestRetainedMessagesAndWillsSurviveKill(t *testing.T) {
	k := startKept(t, "")
	if _, errs, code := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", k.mqtt, "-q", "1", "-r", "-t", "kept", "-m", "value"); code != 0 {
		t.Fatal(errs)
	}
	k.dial("victim", &packet.Will{Message: mqtt.Message{Topic: "wills/victim", Payload: []byte("gone"), QoS: 1, Retain: true}}).subscribe("x", 1)
	k.run.kill() // the victim's connection ends with the gateway, not before
	k.start()
	sub := start(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", k.mqtt, "-F", "%t %r %p", "-t", "kept", "-t", "wills/#", "-t", "device/box/status")
	for _, want := range []string{"kept 1 value", "wills/victim 1 gone"} {
		sub.expect(want)
	}
	sub.wait(0, "the gateway online", func(line string) bool {
		return strings.HasPrefix(line, "device/box/status") && strings.HasSuffix(line, "online")
	})
}

func TestAFolderInUseIsSaidInOneSentence(t *testing.T) {
	k := startKept(t, "")
	text, err := os.ReadFile(k.file)
	if err != nil {
		t.Fatal(err)
	}
	other := k.file + ".other"
	if err := os.WriteFile(other, []byte(strings.ReplaceAll(string(text), k.mqtt, freePort(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := output(t, binary, "run", "--config", other)
	if code != 1 || !strings.Contains(errs, "another fieldmq uses this folder") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestStoreIsShownVerifiedAndExported(t *testing.T) {
	k := startKept(t, "")
	sub := k.dial("sub", nil)
	sub.subscribe("t", 1)
	sub.conn.Close()
	k.dial("pub", nil).publish(500, mqtt.AtLeastOnce)
	folder := filepath.Join(filepath.Dir(k.file), "data")
	shown, errs, code := output(t, binary, "store", "show", folder)
	if code != 0 || !strings.Contains(shown, "500 messages wait") || !strings.Contains(shown, `"sub"`) {
		t.Errorf("exit %d: %s%s", code, shown, errs)
	}
	exported, errs, code := output(t, binary, "store", "export", folder)
	if code != 0 || strings.Count(exported, `{"record":"queued"`) != 500 || !strings.Contains(exported, `"Topic":"device/box/status"`) {
		t.Errorf("exit %d: %s%.2000s", code, errs, exported)
	}
	k.run.kill()
	if said, errs, code := output(t, binary, "store", "verify", folder); code != 0 || !strings.Contains(said, "no damage") {
		t.Errorf("exit %d: %s%s", code, said, errs)
	}
	segments, err := filepath.Glob(filepath.Join(folder, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/1000]++
	if err := os.WriteFile(segments[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _, code := output(t, binary, "store", "verify", folder); code != 1 || !strings.Contains(said, "damaged") {
		t.Errorf("exit %d: %s", code, said)
	}
}

func TestAKillAmidPublishingLosesNothingAcknowledged(t *testing.T) {
	for _, after := range []int{1, 70, 333, 1500, 2999} {
		k := startKept(t, "store: {segment: 64KiB}\n")
		sub := k.dial("sub", nil)
		sub.subscribe("t", 1)
		sub.conn.Close()
		pub := k.dial("pub", nil)
		go func() { // ends with the connection
			for i := 0; ; i++ {
				m := mqtt.Message{Topic: "t", Payload: fmt.Append(nil, i)}
				out := packet.Outgoing{Message: &m, QoS: 1, ID: uint16(i%65535 + 1)}
				if _, err := pub.conn.Write(out.Append(nil, packet.V311)); err != nil {
					return
				}
			}
		}()
		for range after {
			pub.next(packet.PUBACK)
		}
		k.run.kill()
		acknowledged := after
		for {
			if f, err := pub.reader.Next(); err != nil || f.Type() != packet.PUBACK {
				break
			}
			acknowledged++
		}
		k.start()
		k.dial("sub", nil).takeAtLeast(acknowledged)
	}
}

// takeAtLeast receives numbered messages in order, so many at least.
func (p *peer) takeAtLeast(n int) {
	p.t.Helper()
	var in packet.Publish
	for got := range n {
		if err := in.Decode(packet.V311, p.next(packet.PUBLISH)); err != nil {
			p.t.Fatal(err)
		}
		if string(in.Payload) != fmt.Sprint(got) {
			p.t.Fatalf("message %d of %d is %q", got, n, in.Payload)
		}
		p.send(packet.AppendAck(nil, packet.V311, packet.PUBACK, in.ID, packet.Success))
	}
}
