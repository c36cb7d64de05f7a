package gateway

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/firmware-sim/plant"
)

func TestClockIsWaitedForWhereItWillCome(t *testing.T) {
	today := birthday.AddDate(1, 0, 0)
	for _, c := range []struct {
		name    string
		synced  bool
		battery string // what hctosys says; empty: there is no such clock
		keeper  string
		now     time.Time
		want    bool
	}{
		{"of a machine with a battery", false, "1", "run/chrony", today, false},
		{"that is set", true, "", "run/chrony", today, false},
		{"that a program will set", false, "", "run/systemd/timesync", today, true},
		{"beside one that the kernel did not take", false, "0", "run/chrony", today, true},
		{"that nobody keeps", false, "", "", today, false},
		{"of 1970", false, "1", "", time.Unix(0, 0), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			if c.battery != "" {
				write(t, filepath.Join(root, "sys/class/rtc/rtc0/hctosys"), c.battery+"\n")
			}
			if c.keeper != "" {
				write(t, filepath.Join(root, c.keeper, "x"), "")
			}
			if got := (clock{func() bool { return c.synced }, root}).wrong(c.now); got != c.want {
				t.Errorf("wrong: %v", got)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestClockThatWasNotSetHasNotStepped(t *testing.T) {
	was := time.Now()
	time.Sleep(20 * time.Millisecond)
	if got := stepped(was, time.Now()).Abs(); got > time.Second {
		t.Errorf("it stepped by %v", got)
	}
}

func TestRestampMovesAllTimes(t *testing.T) {
	shared := []mqtt.UserProperty{{Name: "ts", Value: "1000"}, {Name: "other", Value: "1000"}}
	state := mqtt.Message{Payload: []byte(`{"ts":1000,"x":1000}`), UserProperties: shared}
	value := mqtt.Message{Payload: []byte("1000"), UserProperties: shared}
	for _, c := range []struct {
		m    mqtt.Message
		want string
	}{{state, `{"ts":61000,"x":1000}`}, {value, "1000"}} {
		got := restamp(c.m, time.Minute)
		if string(got.Payload) != c.want || got.UserProperties[0].Value != "61000" || got.UserProperties[1].Value != "1000" {
			t.Errorf("got %s %v", got.Payload, got.UserProperties)
		}
	}
	if string(state.Payload) != `{"ts":1000,"x":1000}` || shared[0].Value != "1000" {
		t.Error("the message that was said has changed")
	}
}

func TestValuesAreSaidAgainWhenTheClockIsRight(t *testing.T) {
	p, err := plant.New(plant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config := read(t, strings.NewReplacer("PANEL", p.Port(plant.DemoRTU), "PLC", p.Port(plant.DemoTCP),
		"SCALE", p.Port(plant.DemoSerial), "CHIP", p.Port(plant.DemoGPIO)).Replace(plantYAML)+
		"upstreams: {cloud: {url: 'mqtt://127.0.0.1:1', out: [{topic: 'device/#'}]}}\n")
	g, err := Open(t.Context(), config, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var synced atomic.Bool
	root := t.TempDir()
	write(t, filepath.Join(root, "run/chrony/x"), "")
	g.clock = clock{synced.Load, root}
	background(t, p.Run)
	background(t, g.Run)
	heard, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	marked := map[string]bool{} // payloads that were said with a mark
	for m := range g.Server().Subscribe(heard, "device/meter/voltage") {
		switch mark := slices.Contains(m.UserProperties, unsynced); {
		case mark && len(marked) < 2:
			marked[string(m.Payload)] = true
			if s := g.figures.stats("cloud"); s.Trouble != "" {
				t.Errorf("the bridge runs: %s", s.Trouble)
			}
			synced.Store(len(marked) == 2)
		case !mark:
			delete(marked, string(m.Payload))
			if len(marked) == 0 {
				for g.figures.stats("cloud").Trouble == "" && heard.Err() == nil {
					time.Sleep(10 * time.Millisecond)
				}
				if heard.Err() != nil {
					t.Error("the bridge does not run")
				}
				return
			}
		}
	}
	t.Errorf("not said again: %v", marked)
}
