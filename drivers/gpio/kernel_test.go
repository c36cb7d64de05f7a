package gpio

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestStructsHaveTheSizeTheKernelKnows(t *testing.T) {
	if eventSize != 48 {
		t.Errorf("an event has %d bytes", eventSize)
	}
	if size := unsafe.Sizeof(unix.GPIOV2LineRequest{}); size != 592 {
		t.Errorf("a request has %d bytes", size)
	}
	if size := unsafe.Sizeof(unix.GPIOV2LineConfig{}); size != setConfig>>16&0x3fff {
		t.Errorf("a configuration has %d bytes", size)
	}
}

func TestConfigurationsCarryTheirFlags(t *testing.T) {
	if got := inputConfig("pull-up", both, 0).Flags; got != 0x134 {
		t.Errorf("input: %#x", got)
	}
	if got := inputConfig("pull-down", rising, 0).Flags; got != 0x214 {
		t.Errorf("input: %#x", got)
	}
	if got := inputConfig("disabled", falling, 0).Flags; got != 0x424 {
		t.Errorf("input: %#x", got)
	}
	if got := inputConfig(biasAsIs, none, 0).Flags; got != 0x4 {
		t.Errorf("input: %#x", got)
	}
	c := outputConfig(true)
	if c.Flags != 0x8 || c.Num_attrs != 1 || c.Attrs[0].Attr.Id != 2 || c.Attrs[0].Attr.Flags != 1 || c.Attrs[0].Mask != 1 {
		t.Errorf("output: %+v", c)
	}
}

// pipeLine is a line whose events a test writes.
func pipeLine(t *testing.T) (*kernelLine, *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	l, err := newKernelLine(fds[0], 17)
	if err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(fds[1]), "events")
	t.Cleanup(func() { l.Close(); w.Close() })
	return l, w
}

func event(ns int64, id uint32) []byte {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, uint64(ns))
	binary.NativeEndian.PutUint32(b[8:], id)
	return b
}

func TestEventsOfTheKernelBecomeEdges(t *testing.T) {
	l, w := pipeLine(t)
	f := newFeed()
	f.tasks.Go(func() { l.listen(f) })
	second := time.Now().Add(-time.Second)
	now := clocks()
	w.Write(append(event(now.monotonic-int64(time.Second), unix.GPIO_V2_LINE_EVENT_RISING_EDGE),
		event(now.monotonic, unix.GPIO_V2_LINE_EVENT_FALLING_EDGE)...))
	first, last := <-f.heard(), <-f.heard()
	if !first.level || first.offset != 17 || last.level {
		t.Errorf("got %v and %v", first, last)
	}
	if off := first.at.Sub(second).Abs(); off > 10*time.Second {
		t.Errorf("the time is off by %v", off)
	}
	if apart := last.at.Sub(first.at); apart != time.Second {
		t.Errorf("the edges are %v apart", apart)
	}
	l.Close()
	f.tasks.Wait()
	select {
	case <-f.gone():
		t.Error("a closed line is a lost chip")
	default:
	}
}

func TestLineThatHangsUpIsALostChip(t *testing.T) {
	l, w := pipeLine(t)
	f := newFeed()
	f.tasks.Go(func() { l.listen(f) })
	w.Close()
	<-f.gone()
	f.tasks.Wait()
}

func TestFullFeedEndsWithTheChip(t *testing.T) {
	l, w := pipeLine(t)
	f := newFeed()
	f.tasks.Go(func() { l.listen(f) })
	for range room + 50 {
		w.Write(event(0, unix.GPIO_V2_LINE_EVENT_RISING_EDGE))
	}
	close(f.quit)
	l.Close()
	f.tasks.Wait()
}

func TestChipThatIsNotThereSaysWhatIs(t *testing.T) {
	for _, name := range []string{"/dev/gpiochip99", "gpiochip99", "no such label", t.TempDir() + "/socket"} {
		if _, err := openChip(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFileIsNoChip(t *testing.T) {
	if _, err := openChip(t.Context(), "/dev/null"); err == nil {
		t.Error("no error")
	}
}

func TestKernelIsAskedToDebounce(t *testing.T) {
	c := inputConfig(biasAsIs, both, 20*time.Millisecond)
	a := c.Attrs[0]
	if c.Num_attrs != 1 || a.Mask != 1 || a.Attr.Id != 3 || a.Attr.Flags != debouncePeriod(20*time.Millisecond) {
		t.Errorf("%+v", c)
	}
	if got := (*[8]byte)(unsafe.Pointer(&a.Attr.Flags)); *(*uint32)(unsafe.Pointer(got)) != 20000 {
		t.Errorf("the period is % X", got[:])
	}
	l := kernelLine{hold: 20 * time.Millisecond}
	now := clocks()
	told := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(told, uint64(now.monotonic))
	if e := l.edge(told, now); now.wall.Sub(e.at) != 20*time.Millisecond {
		t.Errorf("the edge was %v ago", now.wall.Sub(e.at))
	}
}
