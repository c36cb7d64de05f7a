package modbus

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"fieldmq/firmware-sim/faults"
)

// Line is a serial line, such as a cable.Cable.
type Line interface {
	io.WriteCloser
	// ReadBurst reads until the line was silent for the gap, which depends
	// on the time of one character, or p is full.
	ReadBurst(p []byte, gap func(character time.Duration) time.Duration) (int, error)
}

const (
	minRTU = 4   // unit id, function code, checksum
	maxRTU = 256 // Modbus over Serial Line, section 2.5.1
)

// ServeRTU answers on a serial line until ctx ends, which is no error, or the
// line fails. It closes the line.
func (s *Server) ServeRTU(ctx context.Context, line Line) error {
	buffer := make([]byte, maxRTU+1) // one more shows a frame that is too long
	return s.serveLine(ctx, line, rtu{}, func() ([]byte, error) {
		n, err := line.ReadBurst(buffer, silence)
		return buffer[:n], err
	})
}

// framing is how PDUs are packed for a line.
type framing interface {
	// parse takes a frame apart; ok is false if it is damaged. The request
	// itself is not looked at, but has at least a function code.
	parse(frame []byte) (unit byte, pdu []byte, ok bool)
	frame(unit byte, pdu []byte) []byte
	// sum is the index of a byte of a frame's checksum.
	sum(frame []byte) int
}

// serveLine answers the frames that next reads, which fails once the line is
// closed.
func (s *Server) serveLine(ctx context.Context, line io.WriteCloser, f framing, next func() ([]byte, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		line.Close() // ends next and Write
		close(closed)
	})
	out := newSender(line)
	err := s.serveFrames(ctx, out, f, next)
	stopped := ctx.Err() != nil
	cancel()
	<-closed
	out.late.Wait()
	if stopped {
		return nil
	}
	return err
}

func (s *Server) serveFrames(ctx context.Context, out *sender, f framing, next func() ([]byte, error)) error {
	for {
		frame, err := next()
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		unit, pdu, ok := f.parse(frame)
		if !ok {
			continue // damaged or not for us: servers say nothing
		}
		if unit == 0 {
			s.broadcast(pdu)
			continue
		}
		u, ok := s.units[unit]
		if !ok {
			continue
		}
		if err := s.answerFrame(ctx, out, f, u, pdu); err != nil {
			return fmt.Errorf("answer unit %d: %w", unit, err)
		}
	}
}

func (s *Server) answerFrame(ctx context.Context, out *sender, f framing, u Unit, pdu []byte) error {
	answer, e := s.answer(u, pdu)
	if answer == nil {
		if e.Echo {
			return out.send(ctx, 0, f.frame(u.ID, pdu))
		}
		return nil
	}
	return out.send(ctx, e.Delay, s.disturb(f, u, pdu, answer, &e))
}

// disturb frames an answer and does to it what strikes it.
func (s *Server) disturb(f framing, u Unit, pdu, answer []byte, e *faults.Effect) []byte {
	unit := u.ID
	if e.WrongUnit {
		unit = unit%247 + 1
	}
	frame := f.frame(unit, answer)
	whole := slices.Clone(frame)
	frame = e.DamageSum(frame, f.sum(frame))
	if e.Duplicate {
		frame = append(frame, whole...)
	}
	if e.Foreign {
		frame = append(f.frame(u.ID%247+1, []byte{readHolding, 2, 0x12, 0x34}), frame...)
	}
	if e.Master {
		frame = append(s.intrude(f, u, pdu), frame...)
	}
	if e.Echo {
		frame = append(f.frame(u.ID, pdu), frame...)
	}
	return frame
}

// intrude is what another master asks of the unit, which is as long as what
// was asked, and its answer; nothing if that was no read.
func (s *Server) intrude(f framing, u Unit, pdu []byte) []byte {
	if pdu[0] > readInput || len(pdu) != 5 {
		return nil
	}
	other := slices.Clone(pdu)
	other[2] ^= 1 // a neighbour
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(f.frame(u.ID, other), f.frame(u.ID, perform(u.Device, other))...)
}

// rtu is binary with a CRC.
type rtu struct{}

func (rtu) sum(frame []byte) int { return len(frame) - 1 }

// silence is the shortest time between frames: 3.5 characters, but a fixed
// 1.75 ms above 19200 Bd. Modbus over Serial Line, section 2.5.1.1
func silence(character time.Duration) time.Duration {
	return max(character*7/2, 1750*time.Microsecond)
}

func (rtu) parse(frame []byte) (unit byte, pdu []byte, ok bool) {
	end := len(frame) - 2
	if len(frame) < minRTU || len(frame) > maxRTU {
		return 0, nil, false
	}
	sum := crc(frame[:end])
	if frame[end] != byte(sum) || frame[end+1] != byte(sum>>8) {
		return 0, nil, false
	}
	return frame[0], frame[1:end], true
}

func (rtu) frame(unit byte, pdu []byte) []byte {
	packed := append([]byte{unit}, pdu...)
	sum := crc(packed)
	return append(packed, byte(sum), byte(sum>>8)) // low byte first
}

// crc is the checksum of RTU frames: x^16 + x^15 + x^2 + 1, reflected,
// starting with all ones. Modbus over Serial Line, section 6.2.2
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, x := range b {
		sum ^= uint16(x)
		for range 8 {
			if carry := sum & 1; carry != 0 {
				sum = sum>>1 ^ 0xA001
			} else {
				sum >>= 1
			}
		}
	}
	return sum
}
