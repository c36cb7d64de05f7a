package board

import (
	"bytes"
	"fmt"
)

// archive is a file system of the kernel's own kind (cpio, newc).
type archive struct{ b bytes.Buffer }

func (a *archive) add(name string, mode int, data []byte) { a.write(name, mode, 0, 0, data) }

// device adds a character device in a folder of devices.
func (a *archive) device(name string, major, minor int) {
	a.write("dev", 0o040755, 0, 0, nil)
	a.write(name, 0o020600, major, minor, nil)
}

func (a *archive) end() []byte {
	a.write("TRAILER!!!", 0, 0, 0, nil)
	return a.b.Bytes()
}

func (a *archive) write(name string, mode, major, minor int, data []byte) {
	fmt.Fprintf(&a.b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.b.Len()+1, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0, name)
	a.pad()
	a.b.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.b.Len()%4 != 0 {
		a.b.WriteByte(0)
	}
}
