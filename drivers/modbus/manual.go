package modbus

import "fmt"

// Function is the function code that reads the table.
func (t Table) Function() byte { return tables[t].read }

// Manual is the number by which many manuals call register or bit n, which
// counts from 0: they count from 1, behind a digit for the table. Holding
// register 0 is 40001; past 9999 the numbers have six digits, 410000.
func (t Table) Manual(n int) string {
	digit := [...]string{Coil: "0", Discrete: "1", Input: "3", Holding: "4"}[t]
	if n+1 > 9999 {
		return fmt.Sprintf("%s%05d", digit, n+1)
	}
	return fmt.Sprintf("%s%04d", digit, n+1)
}

// Bytes are the lengths of the frames of a read and its answer on the wire.
func (r Request) Bytes() (request, answer int) {
	if r.Table.Bits() {
		return r.frame + 5, r.frame + 2 + (r.Count+7)/8
	}
	return r.frame + 5, r.frame + 2 + 2*r.Count
}
