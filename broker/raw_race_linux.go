//go:build race

package broker

import "syscall"

// The race detector sees what happens before what only through these.

func rawRead(fd uintptr, buf []byte) (int, error) { return syscall.Read(int(fd), buf) }

func rawWrite(fd uintptr, buf []byte) (int, error) { return syscall.Write(int(fd), buf) }
