package modbus

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/firmware-sim/faults"
)

func TestChecksumIsThatOfTheSpecification(t *testing.T) {
	// Modbus over Serial Line, section 6.2.2; the other one is the check
	// value of CRC-16/MODBUS.
	if got := crc([]byte{0x02, 0x07}); got != 0x1241 {
		t.Errorf("%04x, want 1241", got)
	}
	if got := crc([]byte("123456789")); got != 0x4B37 {
		t.Errorf("%04x, want 4b37", got)
	}
}

func TestSilenceIsThatOfTheSpecification(t *testing.T) {
	for _, k := range []struct {
		baud int
		want time.Duration
	}{
		{9600, 4010416 * time.Nanosecond},
		{19200, 2005208 * time.Nanosecond},
		{38400, 1750 * time.Microsecond},
		{115200, 1750 * time.Microsecond},
	} {
		got := silence(11 * time.Second / time.Duration(k.baud))
		if (got - k.want).Abs() > time.Microsecond {
			t.Errorf("%d Bd: %v, want %v", k.baud, got, k.want)
		}
	}
}

// bursts is a line in memory: each burst that goes in is a frame.
type bursts struct {
	in   chan []byte
	out  chan []byte
	done chan struct{}
	once sync.Once
}

func newBursts() *bursts {
	return &bursts{in: make(chan []byte), out: make(chan []byte, 100), done: make(chan struct{})}
}

func (b *bursts) ReadBurst(p []byte, _ func(time.Duration) time.Duration) (int, error) {
	select {
	case burst := <-b.in:
		return copy(p, burst), nil
	case <-b.done:
		return 0, os.ErrClosed
	}
}

func (b *bursts) Write(p []byte) (int, error) {
	b.out <- bytes.Clone(p)
	return len(p), nil
}

func (b *bursts) Close() error {
	b.once.Do(func() { close(b.done) })
	return nil
}

// onLine runs f beside a server for the units, in a bubble of its own time.
func onLine(t *testing.T, units []Unit, f func(line *bursts)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewServer(units...)
		if err != nil {
			t.Fatal(err)
		}
		line := newBursts()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.ServeRTU(ctx, line) }()
		f(line)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// ask sends a request and returns what is on the line after the time.
func (b *bursts) ask(frame []byte, after time.Duration) []byte {
	b.in <- frame
	time.Sleep(after)
	synctest.Wait()
	select {
	case answer := <-b.out:
		return answer
	default:
		return nil
	}
}

var question = (rtu{}).frame(1, []byte{readHolding, 0, 7, 0, 1})

func TestFramesOfTheLineAreAnsweredByteForByte(t *testing.T) {
	onLine(t, []Unit{{ID: 17, Device: filled()}}, func(line *bursts) {
		got := line.ask(raw(t, "11 03 006B 0003 7687"), 0)
		if want := raw(t, "11 03 06 006B 006C 006D"); !bytes.Equal(got[:len(got)-2], want) {
			t.Errorf("%x, want %x and a checksum", got, want)
		}
		if _, _, ok := (rtu{}).parse(got); !ok {
			t.Errorf("%x has a wrong checksum", got)
		}
	})
}

func TestServerIsSilentToWhatIsNotForIt(t *testing.T) {
	onLine(t, []Unit{{ID: 1, Device: filled()}}, func(line *bursts) {
		for name, frame := range map[string][]byte{
			"another unit":     (rtu{}).frame(2, question[1:6]),
			"wrong checksum":   append(bytes.Clone(question[:7]), question[7]^1),
			"a cut frame":      question[:5],
			"one byte":         {1},
			"too long":         (rtu{}).frame(1, make([]byte, 300)),
			"a broadcast read": (rtu{}).frame(0, question[1:6]),
		} {
			if got := line.ask(frame, time.Minute); got != nil {
				t.Errorf("%s: answered %x", name, got)
			}
		}
	})
}

func TestBroadcastReachesAllAndIsNotAnswered(t *testing.T) {
	a, b := filled(), filled()
	onLine(t, []Unit{{ID: 1, Device: a}, {ID: 2, Device: b}}, func(line *bursts) {
		if got := line.ask((rtu{}).frame(0, []byte{writeRegister, 0, 9, 0xAB, 0xCD}), time.Minute); got != nil {
			t.Errorf("answered %x", got)
		}
	})
	if a.tables[HoldingRegisters][9] != 0xABCD || b.tables[HoldingRegisters][9] != 0xABCD {
		t.Error("not everybody heard it")
	}
}

func TestLostLineIsAnError(t *testing.T) {
	s, err := NewServer(Unit{ID: 1, Device: filled()})
	if err != nil {
		t.Fatal(err)
	}
	line := newBursts()
	line.Close()
	if err := s.ServeRTU(t.Context(), line); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// broken is unit 1 with a fault.
func broken(t *testing.T, fault string) []Unit {
	t.Helper()
	board := faults.NewBoard(1)
	source := board.Add("meter", "bus", faults.Kinds()...)
	if err := board.Apply("meter " + fault); err != nil {
		t.Fatal(err)
	}
	return []Unit{{ID: 1, Device: filled(), Faults: source}}
}

func TestFaultsDoWhatTheyAreCalledOnTheLine(t *testing.T) {
	good := (rtu{}).frame(1, []byte{readHolding, 2, 0, 7})
	for _, k := range []struct {
		fault string
		ok    func(got []byte) bool
	}{
		{"silence", func(got []byte) bool { return got == nil }},
		{"exception 6", func(got []byte) bool { return bytes.Equal(got, (rtu{}).frame(1, []byte{0x83, 6})) }},
		{"crc", func(got []byte) bool {
			_, _, intact := (rtu{}).parse(got)
			return !intact && bytes.Equal(got[:5], good[:5])
		}},
		{"garbage", func(got []byte) bool {
			return len(got) > len(good) && (bytes.HasPrefix(got, good) || bytes.HasSuffix(got, good))
		}},
		{"truncate", func(got []byte) bool { return len(got) < len(good) && bytes.HasPrefix(good, got) }},
		{"wrong-unit", func(got []byte) bool { return bytes.Equal(got, (rtu{}).frame(2, good[1:5])) }},
		{"foreign", func(got []byte) bool {
			unit, _, intact := (rtu{}).parse(got[:7])
			return intact && unit != 1 && bytes.Equal(got[7:], good)
		}},
		{"noise 100%", func(got []byte) bool {
			for i, b := range got {
				if b == good[i] {
					return false
				}
			}
			return len(got) == len(good)
		}},
	} {
		onLine(t, broken(t, k.fault), func(line *bursts) {
			for range 20 {
				if got := line.ask(question, 0); !k.ok(got) {
					t.Fatalf("%s: %x", k.fault, got)
				}
			}
		})
	}
}

func TestLateAnswerComesWhileOthersAreServed(t *testing.T) {
	units := append(broken(t, "late 800ms"), Unit{ID: 2, Device: filled()})
	other := (rtu{}).frame(2, question[1:6])
	onLine(t, units, func(line *bursts) {
		if got := line.ask(question, 799*time.Millisecond); got != nil {
			t.Errorf("answered %x too early", got)
		}
		if got := line.ask(other, 0); got == nil || got[0] != 2 {
			t.Errorf("the other unit: %x", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		select {
		case got := <-line.out:
			if got[0] != 1 {
				t.Errorf("answered %x", got)
			}
		default:
			t.Error("no answer")
		}
	})
}

func TestLateAnswersAreBoundedAndEndWithTheServer(t *testing.T) {
	onLine(t, broken(t, "late 1m"), func(line *bursts) {
		for range 2 * maxLate {
			line.ask(question, 0)
		}
	}) // the bubble fails if a goroutine is left
}

func TestSilentUnitDoesNotCarryOutWrites(t *testing.T) {
	units := broken(t, "silence")
	onLine(t, units, func(line *bursts) {
		line.ask((rtu{}).frame(1, []byte{writeRegister, 0, 9, 0xAB, 0xCD}), 0)
	})
	if got := units[0].Device.(*memory).tables[HoldingRegisters][9]; got != 9 {
		t.Errorf("%x was written", got)
	}
}

func FuzzRTU(f *testing.F) {
	f.Add(question)
	f.Add((rtu{}).frame(1, []byte{writeRegisters, 0, 1, 0, 2, 4, 0, 10, 1, 2}))
	f.Add((rtu{}).frame(1, []byte{writeCoils, 0, 0x13, 0, 10, 2, 0xCD, 1}))
	f.Add((rtu{}).frame(1, []byte{readWriteRegisters, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 255}))
	f.Add((rtu{}).frame(1, []byte{maskRegister, 0, 4, 0, 0xF2, 0, 0x25}))
	f.Add((rtu{}).frame(1, []byte{encapsulated, 14, 1, 0}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		unit, pdu, ok := (rtu{}).parse(frame)
		if ok && !bytes.Equal((rtu{}).frame(unit, pdu), frame) {
			t.Fatalf("%x is taken for something else", frame)
		}
		// Almost no input has the right checksum: go on without.
		if len(frame) > 3 {
			check(t, frame[1:len(frame)-2])
		}
	})
}

// check holds what is true of the answer to any request.
func check(t *testing.T, pdu []byte) {
	t.Helper()
	if len(pdu) > maxPDU {
		pdu = pdu[:maxPDU]
	}
	answer := perform(filled(), pdu)
	if len(answer) < 2 || len(answer) > maxPDU {
		t.Fatalf("%x is answered by %d bytes", pdu, len(answer))
	}
	if answer[0] != pdu[0] && (answer[0] != pdu[0]|0x80 || len(answer) != 2) {
		t.Fatalf("%x is answered by %x", pdu, answer)
	}
}
