package sniff

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
)

// Ledger is what was learned of a line.
type Ledger struct {
	units map[byte]*Unit
	noise int
}

// Unit is a unit that was spoken to.
type Unit struct {
	ID                                    byte
	Asked, Answered, Declined, Unanswered int
	Took                                  time.Duration // of all answers together
	values                                map[register]uint16
	written                               map[register]bool
	asks                                  map[frame.Span]*rhythm
}

type register struct {
	table modbus.Table
	at    int
}

// rhythm is how often a request comes.
type rhythm struct {
	first, last time.Time
	times       int
}

// every is the time between two, rounded to what a person would have set.
func (r *rhythm) every() time.Duration {
	if r.times < 2 {
		return 0
	}
	mean := r.last.Sub(r.first) / time.Duration(r.times-1)
	step := 100 * time.Millisecond
	if mean > 10*time.Second {
		step = time.Second
	}
	return max(mean.Round(step), step)
}

// NewLedger is an empty one.
func NewLedger() *Ledger { return &Ledger{units: map[byte]*Unit{}} }

// mostRegisters bounds what is kept of a unit: a table and a bit.
const mostRegisters = 1 << 17

// Take takes an event in.
func (l *Ledger) Take(e Event) {
	if e.Noise != nil {
		l.noise += len(e.Noise)
		return
	}
	u := l.units[e.Unit]
	if u == nil {
		u = &Unit{ID: e.Unit, values: map[register]uint16{}, written: map[register]bool{}, asks: map[frame.Span]*rhythm{}}
		l.units[e.Unit] = u
	}
	u.take(e)
}

func (u *Unit) take(e Event) {
	u.Asked++
	switch {
	case e.Answer == nil:
		u.Unanswered++
		return
	case e.Exception() != 0:
		u.Declined++
		u.Took += e.Took
		return
	}
	u.Answered++
	u.Took += e.Took
	if len(u.values) > mostRegisters || len(u.asks) > mostRegisters {
		return
	}
	q := e.Request
	for i := range q.Write.Count {
		u.written[register{q.Write.Table, q.Write.First + i}] = true
	}
	if q.Read.Count == 0 {
		return
	}
	for i := range q.Read.Count {
		u.values[register{q.Read.Table, q.Read.First + i}] = value(q.Read.Table, e.Answer[2:], i)
	}
	r := u.asks[q.Read]
	if r == nil {
		r = &rhythm{first: e.At}
		u.asks[q.Read] = r
	}
	r.last, r.times = e.At, r.times+1
}

func value(t modbus.Table, data []byte, i int) uint16 {
	if t.Bits() {
		return uint16(data[i/8] >> (i % 8) & 1)
	}
	return binary.BigEndian.Uint16(data[2*i:])
}

// Units are those that were spoken to, by their ids.
func (l *Ledger) Units() []*Unit {
	return slices.SortedFunc(maps.Values(l.units), func(a, b *Unit) int { return cmp.Compare(a.ID, b.ID) })
}

// Noise is the number of bytes that are no frame.
func (l *Ledger) Noise() int { return l.noise }

// Spans are the registers that were read, neighbours joined, as in
// "holding 0..9".
func (u *Unit) Spans() []string {
	var texts []string
	for _, s := range u.spans() {
		texts = append(texts, span(s))
	}
	return texts
}

// sorted are the registers that are known, in order.
func (u *Unit) sorted() []register {
	return slices.SortedFunc(maps.Keys(u.values), func(a, b register) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.at, b.at))
	})
}

func (u *Unit) spans() []frame.Span {
	var spans []frame.Span
	for _, r := range u.sorted() {
		if n := len(spans) - 1; n >= 0 && spans[n].Table == r.table && spans[n].First+spans[n].Count == r.at {
			spans[n].Count++
			continue
		}
		spans = append(spans, frame.Span{Table: r.table, First: r.at, Count: 1})
	}
	return spans
}

// Bus answers for a unit as it was last overheard, so that its kind can be
// guessed without asking it.
func (u *Unit) Bus() *modbus.Bus {
	return modbus.Over(func(_ context.Context, _, function byte, data []byte, _ time.Duration) ([]byte, error) {
		q, err := frame.Parse(append([]byte{function}, data...))
		if err != nil || q.Read.Count == 0 {
			return nil, frame.IllegalFunction
		}
		answer := make([]byte, q.Read.Bytes())
		for i := range q.Read.Count {
			v, known := u.values[register{q.Read.Table, q.Read.First + i}]
			switch {
			case !known:
				return nil, frame.IllegalAddress
			case q.Read.Table.Bits():
				answer[i/8] |= byte(v) << (i % 8)
			default:
				binary.BigEndian.PutUint16(answer[2*i:], v)
			}
		}
		return answer, nil
	}, func() error { return nil }, slog.New(slog.DiscardHandler))
}

// mostPoints is how many points are written of a unit that no profile fits.
const mostPoints = 500

// Device is the unit's section of a site, for a bus of that name; profile may be
// empty.
func (u *Unit) Device(bus, profile string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    bus: %s\n    unit: %d\n", bus, u.ID)
	if every := u.every(); every > 0 {
		fmt.Fprintf(&b, "    every: %s\n", every)
	}
	if profile != "" {
		fmt.Fprintf(&b, "    profile: %s\n", profile)
		return b.String()
	}
	b.WriteString("    points:                  # types and scales are to be found: see fieldmq explain\n")
	for i, r := range u.sorted() {
		if i == mostPoints {
			fmt.Fprintf(&b, "      # and %d more\n", len(u.values)-i)
			break
		}
		note := ""
		if u.written[r] {
			note = ", write: true"
		}
		fmt.Fprintf(&b, "      %s-%d: {%s: %d%s}   # was %d\n", r.table, r.at, r.table, r.at, note, u.values[r])
	}
	return b.String()
}

// every is how often the other master reads what it reads most often.
func (u *Unit) every() time.Duration {
	var shortest time.Duration
	for _, r := range u.asks {
		if e := r.every(); e > 0 && (shortest == 0 || e < shortest) {
			shortest = e
		}
	}
	return shortest
}
