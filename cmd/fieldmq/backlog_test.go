package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// bridgedYAML has kept carry everything to a broker.
const bridgedYAML = `
upstreams:
  cloud:
    url: mqtt://127.0.0.1:CLOUD
    keep_alive: 2s
    out: [{topic: "t", to: "plant/t"}, {topic: "device/#", to: "plant/device/#"}]
`

// startCloud is a mosquitto that keeps what it is given, and its port.
func startCloud(t *testing.T) (cloud *process, port string) {
	t.Helper()
	port = freePort(t)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", port)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cloud = startMosquitto(t, "-v", "-c", file)
	return cloud, port
}

// numbered are the payloads of a topic that a mosquitto_sub printed, each when it
// first came.
func numbered(p *process, topic string) (payloads []string) {
	seen := map[string]bool{}
	for _, line := range p.printed() {
		payload, found := strings.CutPrefix(line, topic+" 0 ")
		if found && !seen[payload] {
			seen[payload] = true
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

func TestTenThousandMessagesOfAnOutageSurviveKill9(t *testing.T) {
	for qos := mqtt.QoS(1); qos <= 2; qos++ {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			cloud, port := startCloud(t)
			k := startKept(t, strings.ReplaceAll(bridgedYAML, "CLOUD", port))
			k.run.expect("upstream is connected")
			sub := above(t, port, "-t", "plant/t", "-q", "2")
			cloud.expect("SUBACK")
			cloud.cmd.Process.Signal(syscall.SIGSTOP)
			k.run.expect("upstream is away")
			const all = 10_000
			k.dial("publisher", nil).publish(all, qos)
			k.crash()
			k.dial("late", nil).publish(500, qos)
			k.crash()
			cloud.cmd.Process.Signal(syscall.SIGCONT)
			want := make([]string, all)
			for i := range want {
				want[i] = fmt.Sprint(i)
			}
			var got []string
			for deadline := time.Now().Add(patience); len(got) < all; time.Sleep(50 * time.Millisecond) {
				if got = numbered(sub, "plant/t"); time.Now().After(deadline) {
					t.Fatalf("%d of %d arrived", len(got), all)
				}
			}
			if !slices.Equal(got, want) {
				t.Error("they are not in order")
			}
			k.accountedFor("others", all+500)
			folder := filepath.Join(filepath.Dir(k.file), "data")
			if shown, errs, code := output(t, binary, "store", "show", folder); code != 0 || !regexp.MustCompile(`"upstream/cloud/out".* 1\d{4} delivered`).MatchString(shown) {
				t.Errorf("exit %d: %s%s", code, shown, errs)
			}
		})
	}
}

// accountedFor waits until an account under $SYS says that so much was produced, and all of
// it is delivered.
func (k *kept) accountedFor(account string, produced int) {
	k.t.Helper()
	sub := start(k.t, "mosquitto_sub", "-h", "127.0.0.1", "-p", k.mqtt, "-V", "5", "-F", "%t %p", "-t", "$SYS/broker/upstreams/cloud/"+account)
	sub.wait(0, fmt.Sprintf("an account of %q over %d", account, produced), func(line string) bool {
		var a struct{ Produced, Delivered, Queued int }
		_, text, _ := strings.Cut(line, " ")
		return json.Unmarshal([]byte(text), &a) == nil && a.Produced == produced && a.Delivered == produced && a.Queued == 0
	})
}

func TestEverySampleOfAnOutageWithKillsReachesTheCloud(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir()) // where gateway.data is by default
	s, cloud, port := startBridged(t)
	s.allOnline()
	there := above(t, port, "-t", "plant/device/meter/state")
	there.expect(`"ts"`)
	cloud.cmd.Process.Signal(syscall.SIGSTOP)
	s.run.expect("upstream is away")
	var want []string
	for range 3 {
		here := s.subscribe("-q", "1", "-R", "-t", "device/meter/state")
		here.wait(0, "five states", func(string) bool { return len(stamps(here)) >= 5 })
		s.run.kill()
		seen := stamps(here)
		want = append(want, seen[:len(seen)-1]...) // the last one may have been cut off before it was kept
		s.gateway()
	}
	cloud.cmd.Process.Signal(syscall.SIGCONT)
	s.run.expect("upstream is connected")
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		got := stamps(there)
		missing := slices.DeleteFunc(slices.Clone(want), func(ts string) bool { return slices.Contains(got, ts) })
		if len(missing) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d states are not in the cloud: %v", len(missing), len(want), missing)
		}
	}
	got := stamps(there)
	at := -1
	// History is in order behind what went ahead: the newest that was kept, which the
	// last of these may be.
	for _, ts := range want[:len(want)-1] {
		next := slices.Index(got[at+1:], ts)
		if next < 0 {
			t.Fatalf("%s is not in its place: %v", ts, got)
		}
		at += 1 + next
	}
}

func TestAnUpstreamThatHasNoRoomRefusesOrDrops(t *testing.T) {
	for full, want := range map[string]packet.Reason{"refuse": packet.QuotaExceeded, "drop-newest": packet.Success, "drop-oldest": packet.Success} {
		t.Run(full, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			k := startKept(t, strings.ReplaceAll(bridgedYAML, "CLOUD", port)+"    backlog: {messages: 100, full: "+full+"}\n")
			out, errs, _ := output(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", k.mqtt, "-V", "5", "-q", "1", "-t", "t", "-m", "x", "--repeat", "300", "-d")
			refused := strings.Count(out+errs, "RC:151")
			if (want == packet.QuotaExceeded) != (refused > 0) {
				t.Errorf("%d were refused with 0x97: %s", refused, errs)
			}
		})
	}
}
