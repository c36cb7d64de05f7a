//go:build !race

package broker

import (
	"syscall"
	"unsafe"
)

func rawRead(fd uintptr, buf []byte) (int, error) { return rawCall(syscall.SYS_READ, fd, buf) }

func rawWrite(fd uintptr, buf []byte) (int, error) { return rawCall(syscall.SYS_WRITE, fd, buf) }

// rawCall reads or writes buf, which is not empty.
func rawCall(trap, fd uintptr, buf []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
