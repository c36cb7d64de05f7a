//go:build !linux

package broker

import (
	"io"
	"net"
	"syscall"
)

// direct needs sockets as Linux has them; elsewhere every write may wait.
type direct struct{}

func rawConn(net.Conn) syscall.RawConn { return nil }

func (*direct) write(syscall.RawConn, []byte) (int, error) { return 0, nil }

func source(conn net.Conn) io.Reader { return conn }
