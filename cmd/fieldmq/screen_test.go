package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
)

// plain is a screen as it is read: rows without control sequences.
func plain(screen string) []string {
	for _, sequence := range []string{home, clearLine, clearDown} {
		screen = strings.ReplaceAll(screen, sequence, "")
	}
	return strings.Split(screen, "\r\n")
}

// filled is the board of a gateway and some devices of three points.
func filled(devices int) *board {
	b, now := &board{}, time.Now()
	say := func(topic, payload string) { b.take(mqtt.Message{Topic: topic, Payload: []byte(payload)}, now) }
	for i := range devices + 1 {
		id, via := fmt.Sprintf("d%d", i), "box"
		if i == devices {
			id = via
		}
		var points []string
		for _, name := range []string{"flow", "mode", "pump"} {
			points = append(points, fmt.Sprintf(`{"name":%q,"unit":"W","topic":"device/%s/%s"}`, name, id, name))
		}
		say("device/"+id+"/info", fmt.Sprintf(`{"bus":"b","via":%q,"points":[%s]}`, via, strings.Join(points, ",")))
		say("device/"+id+"/status", "online")
		say("device/"+id+"/flow", fmt.Sprint(100+i))
	}
	return b
}

func TestScreenHasRoomForEveryDevice(t *testing.T) {
	const command = "watch    mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'device/#'"
	head := []string{"fieldmq demo", command, "write    " + strings.Repeat("x", 70), "cloud    y", "keys     1-6"}
	for _, size := range []struct{ width, height, table int }{{120, 40, 1}, {80, 24, 1}, {80, 18, 0}, {40, 20, 0}, {30, 12, 0}} {
		screen := layOut(head, filled(5), size.width, size.height, time.Now(), false)
		rows := plain(screen)
		text := strings.Join(rows, "\n")
		if n := rowsOf(rows, size.width); n > size.height {
			t.Errorf("%v: %d rows\n%s", size, n, text)
		}
		if !strings.Contains(text, command) || !strings.Contains(text, "keys") {
			t.Errorf("%v: a command that cannot be copied\n%s", size, text)
		}
		for i := range 5 {
			if !strings.Contains(text, fmt.Sprintf("d%d ", i)) || size.width >= 40 && !strings.Contains(text, fmt.Sprint(100+i)) {
				t.Errorf("%v: device d%d or its value is not there\n%s", size, i, text)
			}
		}
		if n := strings.Count(text, "DEVICE"); n != size.table {
			t.Errorf("%v: %d tables, want %d\n%s", size, n, size.table, text)
		}
	}
	if screen := layOut(head, &board{}, 1, 1, time.Now(), false); screen == "" {
		t.Error("nothing on a tiny terminal")
	}
}
