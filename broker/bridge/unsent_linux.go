package bridge

import (
	"net"

	"golang.org/x/sys/unix"
)

// limitUnsent bounds what the kernel holds of a connection and has not sent. Where that
// cannot be had, what is urgent comes later.
func limitUnsent(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent)
	})
}
