package modbus

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// wire is a serial line in a synctest bubble: bytes take their time on it.
type wire struct {
	char  time.Duration
	loose bool          // answers take no time
	lazy  time.Duration // that a wait takes longer than it should
	// serve is what the other end does: it returns what it sends after the
	// request's last byte, nil for nothing.
	serve func(request []byte) []burst

	mu      sync.Mutex
	buf     []byte
	arrived chan struct{} // has a place for one
	timeout time.Duration
	busy    time.Time // until then bytes are on the wire
	gaps    []time.Duration
	sent    [][]byte
}

// burst is bytes that follow each other without a gap.
type burst struct {
	after time.Duration // from the end of what was before
	bytes []byte
}

func newWire(s *RTUSettings, serve func([]byte) []burst) *wire {
	return &wire{char: s.Char(), serve: serve, arrived: make(chan struct{}, 1)}
}

func (w *wire) SetReadTimeout(d time.Duration) { w.timeout = max(d, 0) }

func (w *wire) Close() error { return nil }

func (w *wire) Write(p []byte) (int, error) {
	now := time.Now()
	w.mu.Lock()
	w.gaps = append(w.gaps, now.Sub(w.busy))
	w.sent = append(w.sent, append([]byte(nil), p...))
	end := now.Add(w.char * time.Duration(len(p)))
	w.busy = end
	w.mu.Unlock()
	for _, b := range w.serve(p) {
		end = end.Add(b.after)
		if w.loose {
			time.AfterFunc(time.Until(end), func() { w.receive(b.bytes...) })
			continue
		}
		for _, c := range b.bytes {
			end = end.Add(w.char)
			time.AfterFunc(time.Until(end), func() { w.receive(c) })
		}
	}
	return len(p), nil
}

func (w *wire) receive(bytes ...byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = time.Now()
	w.buf = append(w.buf, bytes...)
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

func (w *wire) Read(p []byte) (int, error) {
	timer := time.NewTimer(w.timeout)
	defer timer.Stop()
	for {
		w.mu.Lock()
		n := copy(p, w.buf)
		w.buf = w.buf[n:]
		w.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-w.arrived:
		case <-timer.C:
			if w.timeout > 0 {
				time.Sleep(w.lazy)
			} else {
				time.Sleep(time.Microsecond) // even a look takes its time
			}
			return 0, nil
		}
	}
}

// simulated answers like a device whose register or bit at an address is told
// by the address, the table and the unit, so that a mix-up shows.
func simulated(request []byte) []byte {
	unit, function := request[0], request[1]
	first := int(binary.BigEndian.Uint16(request[2:]))
	count := int(binary.BigEndian.Uint16(request[4:]))
	switch function {
	case 1, 2:
		bits := make([]byte, (count+7)/8)
		for i := range count {
			if content(unit, function, first+i)%3 == 0 {
				bits[i/8] |= 1 << (i % 8)
			}
		}
		return sealed(append([]byte{unit, function, byte(len(bits))}, bits...))
	case 3, 4:
		answer := []byte{unit, function, byte(2 * count)}
		for i := range count {
			answer = binary.BigEndian.AppendUint16(answer, content(unit, function, first+i))
		}
		return sealed(answer)
	}
	return sealed(append([]byte(nil), request[:6]...))
}

func content(unit, function byte, address int) uint16 {
	return uint16(address*31) ^ uint16(unit)<<8 ^ uint16(function)
}

// sealed adds the CRC. (MSL 6.2.2)
func sealed(frame []byte) []byte {
	crc := uint16(0xFFFF)
	for _, b := range frame {
		crc ^= uint16(b)
		for range 8 {
			odd := crc&1 != 0
			crc >>= 1
			if odd {
				crc ^= 0xA001
			}
		}
	}
	return binary.LittleEndian.AppendUint16(frame, crc)
}

func exception(request []byte, code byte) []byte {
	return sealed([]byte{request[0], request[1] | failed, code})
}

const turnaround = 5 * time.Millisecond

func at9600() *RTUSettings {
	s := newRTUSettings()
	s.Port, s.Timeout = "wire", configs.Duration(500*time.Millisecond)
	return s
}

// onWire makes a bus whose other end does what serve says, by the number of
// the request.
func onWire(t *testing.T, s *RTUSettings, serve func(n int, request []byte) []burst) (*Bus, *wire) {
	t.Helper()
	n := -1
	w := newWire(s, func(request []byte) []burst { n++; return serve(n, request) })
	return newBus(newRTU(w, s), quiet()), w
}

func unitOf(s drivers.Settings, unit int) *Device {
	d := s.Device().(*Device)
	d.Unit = unit
	return d
}

// readOne reads a point and returns its sample.
func readOne(t *testing.T, bus *Bus, p *drivers.Point) drivers.Sample {
	t.Helper()
	samples, err := bus.Read(t.Context(), []*drivers.Point{p})
	if err != nil {
		t.Fatal(err)
	}
	return samples[0]
}

func right(p *drivers.Point) drivers.Value {
	a := at(p)
	word := content(a.Unit(), tables[a.Table()].read, a.First())
	if a.Table().Bits() {
		return drivers.Bool(word%3 == 0)
	}
	return drivers.Int(int64(word))
}
