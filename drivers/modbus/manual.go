package modbus

import "fmt"

// Function is the function code that reads the table.
func (t Table) Function() byte { return tables[t].read }

// Manual is the number by which many manuals call register or bit n, which
// counts from 0: they count from 1, behind a digit for the table. Holding
// register 0 is 40001; past 9999 the numbers have six digits, 410000.
func (t Table) Manual(n int) string {
	if t == Called { // it is in no table
		return ""
	}
	digit := [...]string{Coil: "0", Discrete: "1", Input: "3", Holding: "4"}[t]
	if n+1 > 9999 {
		return fmt.Sprintf("%s%05d", digit, n+1)
	}
	return fmt.Sprintf("%s%04d", digit, n+1)
}

// Meant is the register or bit that somebody may mean who writes the number of a
// manual, 40001, for n; ok is false where n is no such number.
func (t Table) Meant(n int) (meant int, ok bool) {
	digit, known := map[Table]int{Discrete: 1, Input: 3, Holding: 4}[t]
	meant = n - 10000*digit - 1
	return meant, known && 0 <= meant && meant < 9999
}

// Bytes are the lengths of the frames of a read and its answer on the wire.
func (r Request) Bytes() (request, answer int) {
	if r.call != nil {
		return r.overhead + (1+len(r.call.Data))*r.perByte, r.overhead + answerLen(r.call)*r.perByte
	}
	data := 2 * r.Count
	if r.Table.Bits() {
		data = (r.Count + 7) / 8
	}
	return r.overhead + 5*r.perByte, r.overhead + (2+data)*r.perByte
}
