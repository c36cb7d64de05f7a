package arbiter

import (
	"sync"
	"time"

	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// image is what the devices of a bus last answered, register by register, and
// who of them is silent. The bus's loop fills it, clients look into it.
type image struct {
	mu    sync.Mutex
	cells map[cellKey]cell
	rests map[byte]rest
}

type cellKey struct {
	unit  byte
	table modbus.Table
	at    uint16
}

// cell is a register, or a bit that is 0 or 1.
type cell struct {
	value uint16
	read  time.Time
}

// mostCells bounds the memory that masters can make us use, who may read all
// registers of all units.
const mostCells = 1 << 16

func newImage() *image {
	return &image{cells: map[cellKey]cell{}, rests: map[byte]rest{}}
}

// note takes an exchange in. What a unit had counts no more once anything was
// written to it, agreed to or not.
func (m *image) note(x modbus.Exchange) {
	q, err := frame.Parse(append([]byte{x.Function}, x.Request...))
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if heard(x.Err) {
		delete(m.rests, x.Unit)
	}
	if q.Write.Count > 0 {
		m.forget(x.Unit)
		return
	}
	if x.Err != nil || q.Read.Count == 0 || len(x.Answer) != q.Read.Bytes() {
		return
	}
	if len(m.cells)+q.Read.Count > mostCells {
		clear(m.cells)
	}
	for i := range q.Read.Count {
		key := cellKey{x.Unit, q.Read.Table, uint16(q.Read.First + i)}
		m.cells[key] = cell{valueOf(q.Read.Table, x.Answer, i), x.At}
	}
}

// forget drops what a unit had; unit 0 is all of them.
func (m *image) forget(unit byte) {
	for key := range m.cells {
		if key.unit == unit || unit == 0 {
			delete(m.cells, key)
		}
	}
}

func valueOf(t modbus.Table, data []byte, i int) uint16 {
	if t.Bits() {
		return uint16(data[i/8] >> (i % 8) & 1)
	}
	return uint16(data[2*i])<<8 | uint16(data[2*i+1])
}

// answer is the data of an answer made of values that are no older than age,
// without its byte count.
func (m *image) answer(unit byte, s frame.Span, age time.Duration) (data []byte, ok bool) {
	if s.Count == 0 || age == 0 {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	oldest := time.Now().Add(-age)
	if s.Table.Bits() {
		data = make([]byte, (s.Count+7)/8)
	}
	for i := range s.Count {
		c, known := m.cells[cellKey{unit, s.Table, uint16(s.First + i)}]
		if !known || c.read.Before(oldest) {
			return nil, false
		}
		if s.Table.Bits() {
			data[i/8] |= byte(c.value) << (i % 8)
		} else {
			data = append(data, byte(c.value>>8), byte(c.value))
		}
	}
	return data, true
}

// rest is a silent unit that is left alone for a while.
type rest struct {
	until  time.Time
	misses int
}

// A unit that is silent may take so much of the bus with the time-outs that
// other masters cause, and is left alone no longer than longestRest.
const (
	restShare   = 50
	longestRest = 30 * time.Second
)

// resting says whether a unit was silent not long ago.
func (m *image) resting(unit byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := m.rests[unit]
	return known && time.Now().Before(r.until)
}

// silent notes that a master's request was not answered and what the wait
// cost: each miss doubles the rest.
func (m *image) silent(unit byte, cost time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rests[unit]
	grown := min(cost<<min(r.misses, 10), restShare*cost, longestRest)
	m.rests[unit] = rest{time.Now().Add(grown), r.misses + 1}
}
