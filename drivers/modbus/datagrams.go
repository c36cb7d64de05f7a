package modbus

import "net"

// datagrams makes a stream of the datagrams of UDP. One frame of Modbus fits in
// one of them; what is cut off is damaged, and whoever reads finds that out.
type datagrams struct {
	net.Conn
	buf  [2 * rtuLongest]byte
	held []byte // of the last datagram
	skip func(datagram []byte) bool
}

// Read gives the rest of a datagram, or waits for one.
func (d *datagrams) Read(p []byte) (int, error) {
	for len(d.held) == 0 {
		n, err := d.Conn.Read(d.buf[:])
		if err != nil {
			return 0, err
		}
		if d.skip == nil || !d.skip(d.buf[:n]) {
			d.held = d.buf[:n]
		}
	}
	n := copy(p, d.held)
	d.held = d.held[n:]
	return n, nil
}
