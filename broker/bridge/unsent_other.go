//go:build !linux

package bridge

import "net"

// limitUnsent has no effect where the kernel has no such bound.
func limitUnsent(net.Conn) {}
