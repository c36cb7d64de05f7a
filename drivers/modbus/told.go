package modbus

// Broadcast says whether the point is of all units of its line at once.
func (a *Address) Broadcast() bool { return a.device.broadcast() }

// Part is the part of the value's bits that the point is, from the lowest, if it
// is a part.
func (a *Address) Part() (first, count int, ok bool) {
	r, ok := a.field()
	return r.First, r.Last - r.First + 1, ok
}

// Target is where writes of the point go.
func (a *Address) Target() (t Table, first int) { return a.target() }

// ShownAt is where the point shows what was written, if that is a place of its
// own; else nil.
func (a *Address) ShownAt() *Address {
	if !a.Verify.On {
		return nil
	}
	back := a.readBack()
	if back.Table() == a.Table() && back.First() == a.First() {
		return nil
	}
	return back
}

// Parts are what a call sends behind its function code, and whether a value
// stands in the middle.
func (c *Call) Parts() (function byte, before, after []byte, value bool) {
	return byte(c.Function), c.Data.before, c.Data.after, c.Data.value
}

// Answer is how many bytes a device answers to the point's call, or whether it
// repeats the request.
func (a *Address) Answer() (bytes int, echo bool) {
	p := a.Call.request(make([]byte, 2*a.Count()), 2*a.Count(), a.written)
	return p.shape.length, p.shape.echo
}

// Cycle is after how many counts an integer of the point begins again.
func (a *Address) Cycle() uint64 {
	if r, part := a.field(); part {
		return cycle(2, r.Last-r.First+1)
	}
	switch t := a.ValueType(); {
	case t == UnpackedBCD:
		return cycle(10, 2*a.Count())
	case t.decimal():
		return cycle(10, 4*a.Count())
	case t.sliceable():
		return cycle(2, 16*a.Count())
	}
	return 0
}

// cycle is the number of values that digits can have, zero if 64 bits do not
// hold it.
func cycle(base uint64, digits int) uint64 {
	n := uint64(1)
	for range digits {
		if n > (1<<64-1)/base {
			return 0
		}
		n *= base
	}
	return n
}

// Manual is the number by which many manuals call the point's first register or
// bit; empty if it is in no table, or nobody knows where before the device is
// asked.
func (a *Address) Manual() string {
	if a.Sunspec != nil {
		return ""
	}
	return a.Table().Manual(a.First())
}
