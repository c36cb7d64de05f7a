package main

import (
	"slices"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/drivers/modbus/frame"
	"fieldmq/firmware-sim/tape"
)

// bursts are the exchanges of a serial line: what was heard after a request,
// until the next, is its answer.
func bursts(lines []drivers.Traffic) []tape.Exchange {
	var exchanges []tape.Exchange
	for i, l := range lines {
		if l.Sent {
			exchanges = append(exchanges, tape.Exchange{Request: l.Bytes})
			continue
		}
		if len(exchanges) == 0 {
			exchanges = append(exchanges, tape.Exchange{})
		}
		p := tape.Piece{Bytes: l.Bytes}
		if i > 0 {
			p.After = l.At.Sub(lines[i-1].At)
		}
		last := &exchanges[len(exchanges)-1]
		last.Answer = append(last.Answer, p)
	}
	return exchanges
}

// tcpHeader is the length of a header of Modbus TCP, of which the tape leaves
// out the two bytes of the transaction's number.
const tcpHeader = 7

// frames are the exchanges of a connection, on which several may be under way:
// their numbers tell what belongs together. Connections may have begun anew.
func frames(lines []drivers.Traffic) ([]tape.Exchange, func([]byte) []byte) {
	var exchanges []tape.Exchange
	open := map[uint16]int{} // by transaction
	asked := map[uint16]drivers.Traffic{}
	var in []byte
	for _, l := range lines {
		if l.Sent {
			for rest := l.Bytes; ; {
				adu, more, ok := cutFrame(rest)
				if !ok {
					break
				}
				id := wordOf(adu)
				open[id], asked[id] = len(exchanges), l
				exchanges = append(exchanges, tape.Exchange{Request: adu[2:]})
				rest = more
			}
			continue
		}
		in = append(in, l.Bytes...)
		for {
			adu, more, ok := cutFrame(in)
			if !ok {
				break
			}
			in = more
			id := wordOf(adu)
			if i, known := open[id]; known {
				exchanges[i].Answer = append(exchanges[i].Answer, tape.Piece{After: l.At.Sub(asked[id].At), Bytes: adu[2:]})
				delete(open, id)
			}
		}
	}
	m := memory{}
	for _, e := range exchanges {
		if len(e.Answer) == 1 {
			m.learn(e.Request[4], e.Request[5:], e.Answer[0].Bytes[5:])
		}
	}
	return exchanges, func(request []byte) []byte {
		pdu := m.answer(request[4], request[5:])
		if pdu == nil {
			return nil
		}
		head := []byte{0, 0, 0, byte(1 + len(pdu)), request[4]}
		return append(head, pdu...)
	}
}

// cutFrame cuts the first frame of Modbus TCP off.
func cutFrame(b []byte) (adu, rest []byte, ok bool) {
	if len(b) < tcpHeader+1 {
		return nil, nil, false
	}
	n := tcpHeader - 1 + int(wordOf(b[4:]))
	if n < tcpHeader+1 || n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// fromLine answers requests of Modbus RTU that are not on a tape by what is.
func fromLine(exchanges []tape.Exchange) func([]byte) []byte {
	m := memory{}
	for _, e := range exchanges {
		var answer []byte
		for _, p := range e.Answer {
			answer = append(answer, p.Bytes...)
		}
		if frame.Intact(e.Request) && frame.Intact(answer) && answer[0] == e.Request[0] {
			m.learn(answer[0], e.Request[1:len(e.Request)-2], answer[1:len(answer)-2])
		}
	}
	return func(request []byte) []byte {
		if !frame.Intact(request) {
			return nil
		}
		pdu := m.answer(request[0], request[1:len(request)-2])
		if pdu == nil {
			return nil
		}
		return frame.Append(nil, request[0], pdu)
	}
}

// memory are registers and bits as they were first seen.
type memory map[place]uint16

type place struct {
	unit  byte
	table modbus.Table
	at    int
}

// learn takes a read and its answer in.
func (m memory) learn(unit byte, request, answer []byte) {
	q, err := frame.Parse(request)
	if err != nil || q.Read.Count == 0 || !q.Answers(answer) || answer[0] != request[0] {
		return
	}
	data := answer[2:]
	for i := range q.Read.Count {
		p := place{unit, q.Read.Table, q.Read.First + i}
		if _, known := m[p]; known {
			continue
		}
		if q.Read.Table.Bits() {
			m[p] = uint16(data[i/8] >> (i % 8) & 1)
		} else {
			m[p] = wordOf(data[2*i:])
		}
	}
}

// answer is the PDU that answers a read of what is known, else nothing.
func (m memory) answer(unit byte, pdu []byte) []byte {
	q, err := frame.Parse(pdu)
	if err != nil || q.Read.Count == 0 || q.Write.Count > 0 {
		return nil
	}
	data := make([]byte, q.Read.Bytes())
	for i := range q.Read.Count {
		value, known := m[place{unit, q.Read.Table, q.Read.First + i}]
		switch {
		case !known:
			return nil
		case q.Read.Table.Bits():
			data[i/8] |= byte(value) << (i % 8)
		default:
			data[2*i], data[2*i+1] = byte(value>>8), byte(value)
		}
	}
	return slices.Concat([]byte{q.Function, byte(len(data))}, data)
}

// wordOf is the word at the beginning of b.
func wordOf(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }
