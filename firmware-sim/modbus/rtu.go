package modbus

import (
	"context"
	"fmt"
	"io"
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
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		line.Close() // ends ReadBurst and Write
		close(closed)
	})
	out := newSender(line)
	err := s.serveRTU(ctx, line, out)
	stopped := ctx.Err() != nil
	cancel()
	<-closed
	out.late.Wait()
	if stopped {
		return nil
	}
	return err
}

func (s *Server) serveRTU(ctx context.Context, line Line, out *sender) error {
	buffer := make([]byte, maxRTU+1) // one more shows a frame that is too long
	for {
		n, err := line.ReadBurst(buffer, silence)
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		unit, pdu, ok := parseRTU(buffer[:n])
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
		if err := s.answerRTU(ctx, out, u, pdu); err != nil {
			return fmt.Errorf("answer unit %d: %w", unit, err)
		}
	}
}

func (s *Server) answerRTU(ctx context.Context, out *sender, u Unit, pdu []byte) error {
	answer, e := s.answer(u, pdu)
	if answer == nil {
		return nil
	}
	return out.send(ctx, e.Delay, disturbRTU(u.ID, answer, &e))
}

// disturbRTU frames an answer and does to it what strikes it.
func disturbRTU(unit byte, answer []byte, e *faults.Effect) []byte {
	if e.WrongUnit {
		unit = unit%247 + 1
	}
	frame := e.Damage(frameRTU(unit, answer))
	if e.Foreign {
		frame = append(frameRTU(unit%247+1, []byte{readHolding, 2, 0x12, 0x34}), frame...)
	}
	return frame
}

// silence is the shortest time between frames: 3.5 characters, but a fixed
// 1.75 ms above 19200 Bd. Modbus over Serial Line, section 2.5.1.1
func silence(character time.Duration) time.Duration {
	return max(character*7/2, 1750*time.Microsecond)
}

// parseRTU takes a frame apart; ok is false if it is damaged. The request
// itself is not looked at, but has at least a function code.
func parseRTU(frame []byte) (unit byte, pdu []byte, ok bool) {
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

func frameRTU(unit byte, pdu []byte) []byte {
	frame := append([]byte{unit}, pdu...)
	sum := crc(frame)
	return append(frame, byte(sum), byte(sum>>8)) // low byte first
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
