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

func TestLengthOfAReadIsThatOfItsFrames(t *testing.T) {
	for _, q := range []Request{{Table: Coil, Count: 9, frame: rtuOverhead}, {Table: Holding, Count: 125, frame: tcpHeader}} {
		request := readRequest(q.Table, q.First, q.Count)
		asked, answered := q.Bytes()
		if asked != q.frame+1+len(request.Data) || answered != q.frame+answerLen(request) {
			t.Errorf("%v: %d and %d bytes, want %d and %d more", q.Table, asked, answered, 1+len(request.Data), answerLen(request))
		}
	}
}
