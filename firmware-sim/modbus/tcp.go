package modbus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"fieldmq/firmware-sim/accept"
	"fieldmq/firmware-sim/faults"
)

// maxConnections is how many clients there may be at a time; one more is hung
// up on.
const maxConnections = 64

// ServeTCP answers on connections until ctx ends, which is no error, or the
// listener fails. It closes the listener and all connections.
func (s *Server) ServeTCP(ctx context.Context, l net.Listener) error {
	return accept.Loop(ctx, l, maxConnections, s.serveConn)
}

// serveConn answers one client until it goes, breaks the protocol or ctx ends.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		conn.Close()
		close(closed)
	})
	out := newSender(conn)
	in := bufio.NewReader(conn)
	for {
		h, pdu, err := readTCP(in)
		if err != nil || s.answerTCP(ctx, out, h, pdu) != nil {
			break
		}
	}
	cancel()
	<-closed
	out.late.Wait()
}

func (s *Server) answerTCP(ctx context.Context, out *sender, h header, pdu []byte) error {
	u, ok := s.target(h.unit)
	if !ok {
		return out.send(ctx, 0, frameTCP(h, refusal(pdu[0], GatewayTargetFailed)))
	}
	answer, e := s.answer(u, pdu)
	if answer == nil {
		return nil
	}
	return out.send(ctx, e.Delay, disturbTCP(h, answer, &e))
}

// target finds the unit of a request. A server with one unit also takes the
// ids 0 and 255, which say that the address of the server is enough. Messaging
// on TCP/IP, section 4.4.2.2
func (s *Server) target(id byte) (Unit, bool) {
	if (id == 0 || id == 255) && len(s.order) == 1 {
		id = s.order[0]
	}
	u, ok := s.units[id]
	return u, ok
}

// disturbTCP frames an answer and does to it what strikes it.
func disturbTCP(h header, answer []byte, e *faults.Effect) []byte {
	foreign := header{transaction: h.transaction + 0x5555, unit: h.unit}
	if e.WrongUnit {
		h.unit++
	}
	whole := frameTCP(h, answer)
	frame := e.Damage(frameTCP(h, answer))
	if e.Duplicate {
		frame = append(frame, whole...)
	}
	if e.Foreign {
		frame = append(frameTCP(foreign, []byte{readHolding, 2, 0x12, 0x34}), frame...)
	}
	return frame
}

// header is the MBAP header without its length. Messaging on TCP/IP, section
// 3.1.3
type header struct {
	transaction uint16
	unit        byte
}

var errHeader = errors.New("not a Modbus header")

// readTCP reads one request, whose PDU has at least a function code. After an
// error the stream cannot be followed any more.
func readTCP(r io.Reader) (header, []byte, error) {
	var b [7]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return header{}, nil, err
	}
	length := int(word(b[4:])) - 1 // it counts the unit id
	if word(b[2:]) != 0 || length < 1 || length > maxPDU {
		return header{}, nil, errHeader
	}
	pdu := make([]byte, length)
	_, err := io.ReadFull(r, pdu)
	return header{transaction: word(b[:]), unit: b[6]}, pdu, err
}

func frameTCP(h header, pdu []byte) []byte {
	frame := binary.BigEndian.AppendUint16(nil, h.transaction)
	frame = append(frame, 0, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(pdu)+1))
	frame = append(frame, h.unit)
	return append(frame, pdu...)
}
