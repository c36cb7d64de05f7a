package modbus

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldmq/drivers"
)

// memory is a link to a device with a memory. It notes what it is asked.
type memory struct {
	registers map[int]uint16 // of all tables
	// refuse gives an exception instead of an answer, 0 for none.
	refuse func(request *pdu) Exception
	lose   func(request *pdu) bool // whether the answer is lost
	zero   bool                    // exception code 0 for all
	asked  []string
	trip   time.Duration
}

func (m *memory) Close() error { return nil }

func (m *memory) width() int { return 1 }

func (m *memory) counts(byte) drivers.Counts { return drivers.Counts{} }

func (m *memory) cost(target) cost {
	return cost{request: max(m.trip, time.Millisecond), byte: 100 * time.Microsecond}
}

func (m *memory) ask(ctx context.Context, questions []question) ([]answer, error) {
	answers := make([]answer, len(questions))
	for i, q := range questions {
		r := q.request
		m.asked = append(m.asked, fmt.Sprintf("%d:%d+%d", r.FunctionCode, address(r), quantity(r)))
		answers[i].at = time.Now()
		if e := m.refuse(r); e != 0 || m.zero {
			answers[i].err = e
			continue
		}
		if m.lose != nil && m.lose(r) {
			answers[i].err = drivers.ErrOffline
			continue
		}
		answers[i].data = m.serve(r)
	}
	return answers, ctx.Err()
}

func (m *memory) serve(r *pdu) []byte {
	first := address(r)
	switch r.FunctionCode {
	case 1, 2:
		packed := make([]byte, (quantity(r)+7)/8)
		for i := range quantity(r) {
			packed[i/8] |= byte(m.registers[first+i]&1) << (i % 8)
		}
		return packed
	case 3, 4:
		var data []byte
		for i := range quantity(r) {
			data = append(data, words(int(m.registers[first+i]))...)
		}
		return data
	case 5:
		m.registers[first] = uint16(quantity(r) >> 15)
	case 6:
		m.registers[first] = uint16(quantity(r))
	case 15:
		for i := range quantity(r) {
			m.registers[first+i] = 0
			if bit(r.Data[5:], i) {
				m.registers[first+i] = 1
			}
		}
	case 16:
		for i := range quantity(r) {
			m.registers[first+i] = uint16(r.Data[5+2*i])<<8 | uint16(r.Data[6+2*i])
		}
	case 22:
		mask := uint16(quantity(r))
		m.registers[first] = m.registers[first]&mask | (uint16(r.Data[4])<<8|uint16(r.Data[5]))&^mask
	case 23:
		n := quantity(r)
		for i := range n {
			m.registers[first+i] = uint16(r.Data[9+2*i])<<8 | uint16(r.Data[10+2*i])
		}
		return r.Data[9 : 9+2*n]
	}
	return r.Data[:4]
}

// takeAsked is what was asked since the last time.
func (m *memory) takeAsked() string {
	defer func() { m.asked = nil }()
	return strings.Join(m.asked, " ")
}

func onMemory(refuse func(*pdu) Exception) (*Bus, *memory) {
	if refuse == nil {
		refuse = func(*pdu) Exception { return 0 }
	}
	m := &memory{registers: map[int]uint16{}, refuse: refuse}
	return newBus(m, quiet()), m
}

// touches says whether a read touches a register.
func touches(r *pdu, register int) bool {
	return address(r) <= register && register < address(r)+quantity(r)
}

func holdings(d *Device, at ...int) (points []*drivers.Point) {
	for _, n := range at {
		points = append(points, point(d, fmt.Sprint(n), holding(n, Uint16)))
	}
	return points
}

// errorsOf are the errors of samples, "-" for values.
func errorsOf(t *testing.T, bus *Bus, points []*drivers.Point) string {
	t.Helper()
	samples, err := bus.Read(t.Context(), points)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, s := range samples {
		if s.Err == nil {
			texts = append(texts, "-")
		} else {
			texts = append(texts, s.Err.Error())
		}
	}
	return strings.Join(texts, ", ")
}
