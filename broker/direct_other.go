//go:build !unix

package broker

import (
	"net"
	"syscall"
)

// direct needs sockets as Unix has them; elsewhere every write may wait.
type direct struct{}

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*direct) write(syscall.RawConn, []byte) (int, error) { return 0, nil }
