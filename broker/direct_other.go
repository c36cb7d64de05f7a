//go:build !linux

package broker

import (
	"net"
	"sync/atomic"
	"syscall"

	"fieldmq/broker/packet"
)

// direct needs sockets as Linux has them; elsewhere every write may wait.
type direct struct{}

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*direct) write(syscall.RawConn, []byte) (int, error) { return 0, nil }

func (s *Server) newReader(conn net.Conn, waits *atomic.Bool, max int) *packet.Reader {
	return packet.NewReader(&listening{conn, waits}, max)
}

func pending(net.Conn) bool { return false }
