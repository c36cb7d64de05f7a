package modbus

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"fieldmq/firmware-sim/faults"
)

// Unit is a device at its address.
type Unit struct {
	ID     byte // 1 to 255
	Device Device
	Faults *faults.Source // may be nil
}

// Server answers for the units of one bus.
type Server struct {
	units map[byte]Unit
	order []byte // their ids, as given

	mu sync.Mutex // one request at a time in the devices
}

// NewServer returns a server for the units. It fails for unit ids that are out
// of range or given twice, and for identities longer than a PDU.
func NewServer(units ...Unit) (*Server, error) {
	s := &Server{units: make(map[byte]Unit)}
	for _, u := range units {
		if u.ID < 1 {
			return nil, fmt.Errorf("unit id %d is not 1 to 255", u.ID)
		}
		if _, twice := s.units[u.ID]; twice {
			return nil, fmt.Errorf("unit id %d is there twice", u.ID)
		}
		if who, ok := u.Device.(Identifier); ok {
			id := who.Identity()
			if 13+len(id.Vendor)+len(id.Product)+len(id.Revision) > maxPDU {
				return nil, fmt.Errorf("the identity of unit %d does not fit", u.ID)
			}
		}
		s.units[u.ID] = u
		s.order = append(s.order, u.ID)
	}
	return s, nil
}

// answer carries out a request to a unit unless the fault that strikes it
// keeps it from doing so. A nil answer means silence.
func (s *Server) answer(u Unit, pdu []byte) ([]byte, faults.Effect) {
	e := u.Faults.Draw()
	switch {
	case e.Silent:
		return nil, e
	case e.Exception != 0:
		return refusal(pdu[0], Exception(e.Exception)), e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return resize(perform(u.Device, pdu), &e), e
}

// resize makes an answer to a read say less or more than was asked for.
func resize(answer []byte, e *faults.Effect) []byte {
	if answer[0] > readInput || len(answer) < 4 {
		return answer
	}
	if e.Short {
		answer = answer[:len(answer)-2]
	}
	if e.Long && len(answer)+2 <= maxPDU {
		answer = append(answer, 0x12, 0x34)
	}
	answer[1] = byte(len(answer) - 2)
	return answer
}

// broadcast lets every unit carry out a request; nobody answers.
func (s *Server) broadcast(pdu []byte) {
	for _, id := range s.order {
		s.answer(s.units[id], pdu)
	}
}

// sender writes answers, some of them late.
type sender struct {
	mu sync.Mutex // one frame at a time
	to io.Writer

	late    sync.WaitGroup
	pending chan struct{} // a place for each late answer
}

// maxLate bounds the answers that wait; a device that should give more of them
// late stays silent.
const maxLate = 256

func newSender(to io.Writer) *sender {
	return &sender{to: to, pending: make(chan struct{}, maxLate)}
}

// send writes the frame, after the delay and without waiting for it. An error
// of a late answer is lost: the next one shows it again.
func (s *sender) send(ctx context.Context, delay time.Duration, frame []byte) error {
	if delay == 0 {
		return s.write(frame)
	}
	select {
	case s.pending <- struct{}{}:
	default:
		return nil
	}
	s.late.Go(func() {
		defer func() { <-s.pending }()
		select {
		case <-time.After(delay):
			_ = s.write(frame)
		case <-ctx.Done():
		}
	})
	return nil
}

func (s *sender) write(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.to.Write(frame)
	return err
}
