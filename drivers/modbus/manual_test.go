package modbus

import "testing"

func TestManualsCountFromOneBehindADigit(t *testing.T) {
	for _, c := range []struct {
		table Table
		n     int
		want  string
	}{
		{Coil, 0, "00001"},
		{Discrete, 9, "10010"},
		{Input, 0x46, "30071"},
		{Holding, 0, "40001"},
		{Holding, 9998, "49999"},
		{Holding, 9999, "410000"},
		{Holding, 65535, "465536"},
	} {
		if got := c.table.Manual(c.n); got != c.want {
			t.Errorf("%v %d is %s, want %s", c.table, c.n, got, c.want)
		}
	}
}

func TestNumberOfAManualIsKnown(t *testing.T) {
	for _, c := range []struct {
		table Table
		n     int
		want  int // -1: it is none
	}{
		{Holding, 40001, 0}, {Holding, 49999, 9998}, {Input, 30071, 70}, {Discrete, 10001, 0},
		{Holding, 40000, -1}, {Holding, 50000, -1}, {Holding, 101, -1}, {Input, 40001, -1}, {Coil, 1, -1},
	} {
		if got, ok := c.table.Meant(c.n); ok != (c.want >= 0) || ok && got != c.want {
			t.Errorf("%v %d: got %d, %v", c.table, c.n, got, ok)
		}
	}
}

func TestLengthOfAReadIsThatOfItsFrames(t *testing.T) {
	for _, q := range []Request{{Table: Coil, Count: 9, overhead: rtuOverhead, perByte: 1}, {Table: Holding, Count: 125, overhead: tcpHeader, perByte: 1}} {
		request := readRequest(q.Table, q.First, q.Count)
		asked, answered := q.Bytes()
		if asked != q.overhead+1+len(request.Data) || answered != q.overhead+answerLen(request) {
			t.Errorf("%v: %d and %d bytes, want %d and %d more", q.Table, asked, answered, 1+len(request.Data), answerLen(request))
		}
	}
}
