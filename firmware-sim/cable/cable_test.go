package cable

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func open(t *testing.T) *Cable {
	t.Helper()
	c, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// program opens the port as a program does, at a speed that it sets.
func program(t *testing.T, port string, baud uint32, iflag, cflag uint32) *os.File {
	t.Helper()
	f, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	err = control(f, func(fd int) error {
		s, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		if err != nil {
			return err
		}
		s.Iflag = iflag
		s.Cflag = s.Cflag&^unix.CBAUD | unix.BOTHER | cflag
		s.Ispeed, s.Ospeed = baud, baud
		return unix.IoctlSetTermios(fd, unix.TCSETS2, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryByteArrivesUnchanged(t *testing.T) {
	c := open(t)
	f := program(t, c.Port(), 1_000_000, 0, 0)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	got := make([]byte, len(all))
	if _, err := f.Write(all); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, all) {
		t.Fatalf("to the device: %x, %v", got, err)
	}
	clear(got)
	if _, err := c.Write(all); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, all) {
		t.Fatalf("from the device: %x, %v", got, err)
	}
}

func TestCharacterHasTheBitsOfTheProgramsSettings(t *testing.T) {
	c := open(t)
	for _, k := range []struct {
		name         string
		baud         uint32
		iflag, cflag uint32
		want         time.Duration
	}{
		{"8N1", 10000, 0, 0, time.Millisecond},
		{"8E1", 10000, unix.INPCK, unix.PARENB, 1100 * time.Microsecond},
		{"8O1", 10000, unix.INPCK, unix.PARENB | unix.PARODD, 1100 * time.Microsecond},
		{"8N2", 10000, 0, unix.CSTOPB, 1100 * time.Microsecond},
		{"another speed", 100000, 0, 0, 100 * time.Microsecond},
	} {
		f := program(t, c.Port(), k.baud, k.iflag, k.cflag)
		if got := character(c.end); got != k.want {
			t.Errorf("%s: %v, want %v", k.name, got, k.want)
		}
		// What one program set must not last into the next case.
		control(f, func(fd int) error { return makeRaw(fd) })
		control(f, func(fd int) error {
			s, _ := unix.IoctlGetTermios(fd, unix.TCGETS2)
			s.Cflag &^= unix.PARENB | unix.PARODD | unix.CSTOPB
			return unix.IoctlSetTermios(fd, unix.TCSETS2, s)
		})
		f.Close()
	}
}

func TestBytesTakeTheirTimeOnTheLine(t *testing.T) {
	c := open(t)
	f := program(t, c.Port(), 2400, 0, 0) // 4.17 ms a character
	least := 12 * 10 * time.Second / 2400
	message := []byte("twelve bytes")

	start := time.Now()
	f.Write(message)
	if _, err := io.ReadFull(c, make([]byte, len(message))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < least {
		t.Errorf("to the device: %v, a wire needs %v", took, least)
	}
	start = time.Now()
	go c.Write(message)
	if _, err := io.ReadFull(f, make([]byte, len(message))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < least {
		t.Errorf("from the device: %v, a wire needs %v", took, least)
	}
}

func TestSilenceEndsABurst(t *testing.T) {
	c := open(t)
	f := program(t, c.Port(), 19200, 0, 0)
	gap := func(one time.Duration) time.Duration { return 20 * one }
	p := make([]byte, 64)
	for _, want := range []string{"first", "second"} {
		f.WriteString(want)
		n, err := c.ReadBurst(p, gap)
		if err != nil || string(p[:n]) != want {
			t.Errorf("%q, %v, want %q", p[:n], err, want)
		}
	}
}

func TestBurstJoinsWhatComesInPieces(t *testing.T) {
	c := open(t)
	f := program(t, c.Port(), 19200, 0, 0)
	go func() {
		for _, piece := range []string{"one ", "two ", "three"} {
			f.WriteString(piece)
			time.Sleep(time.Millisecond)
		}
	}()
	p := make([]byte, 64)
	n, err := c.ReadBurst(p, func(time.Duration) time.Duration { return 300 * time.Millisecond })
	if err != nil || string(p[:n]) != "one two three" {
		t.Errorf("%q, %v", p[:n], err)
	}
}

func TestReaderOutlivesThePrograms(t *testing.T) {
	c := open(t)
	got := make(chan string)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p := make([]byte, 5)
		for {
			if _, err := io.ReadFull(c, p); err != nil {
				if !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
				return
			}
			got <- string(p)
		}
	}()
	for range 3 {
		f := program(t, c.Port(), 115200, 0, 0)
		f.WriteString("hello")
		select {
		case s := <-got:
			if s != "hello" {
				t.Errorf("%q", s)
			}
		case <-ended:
			t.Fatal("the reader ended")
		}
		f.Close()
	}
	c.Close()
	<-ended
}

func TestPortThatNobodyHasOpenIsSilent(t *testing.T) {
	c := open(t)
	if n, err := poll(c.end, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestWhatNobodyHearsIsLost(t *testing.T) {
	c := open(t)
	for range 2 {
		if _, err := c.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		f := program(t, c.Port(), 115200, 0, 0)
		if _, err := c.Write([]byte("heard")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(f, got); err != nil || string(got) != "heard" {
			t.Errorf("%q, %v", got, err)
		}
		f.Close()
	}
}

func TestProgramThatDoesNotReadHoldsUpNobody(t *testing.T) {
	c := open(t)
	program(t, c.Port(), 4_000_000, 0, 0)
	for range 40 {
		if _, err := c.Write(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaderWaitsUntilTheCableIsBack(t *testing.T) {
	link := filepath.Join(t.TempDir(), "port")
	c, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := program(t, link, 115200, 0, 0)
	got := make(chan string, 1)
	go func() {
		p := make([]byte, 4)
		io.ReadFull(c, p)
		got <- string(p)
	}()
	if err := c.Unplug(); err != nil {
		t.Fatal(err)
	}
	if n, err := before.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the port goes on after the cable was pulled out")
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Error("the link stays when the cable is pulled out")
	}
	if n, err := c.Write([]byte("lost")); n != 4 || err != nil {
		t.Errorf("write to a cable that is out: %d, %v", n, err)
	}
	if err := c.Replug(); err != nil {
		t.Fatal(err)
	}
	program(t, link, 115200, 0, 0).WriteString("back")
	if s := <-got; s != "back" {
		t.Errorf("read %q", s)
	}
}

func TestCloseEndsReadAndWrite(t *testing.T) {
	c := open(t)
	program(t, c.Port(), 50, 0, 0) // 200 ms a character
	ended := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
	go func() { _, err := c.Write(make([]byte, 1000)); ended <- err }()
	time.Sleep(10 * time.Millisecond) // let them begin; they must end either way
	c.Close()
	for range 2 {
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	}
	if err := c.Replug(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("replug after close: %v", err)
	}
}

func TestCloseEndsAReadThatWaitsForThePlug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t)
		c.Unplug()
		ended := make(chan error, 1)
		go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
		synctest.Wait() // it waits
		c.Close()
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestLinkComesAndGoesWithTheCable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "port")
	os.Symlink("/dev/pts/nowhere", path) // as a killed simulator leaves it
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port() != path {
		t.Errorf("port %s", c.Port())
	}
	if _, err := Open(path); err == nil {
		t.Error("the link of a living cable was taken over")
	}
	c.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the link stays behind")
	}
}

func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "port")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a file was replaced")
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("the file holds %q", b)
	}
}

func TestDeviceIsUnderstoodAtItsOwnSpeedOnly(t *testing.T) {
	c, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Speak(19200, false)
	if c.understood(c.end) {
		t.Error("at the speed that a terminal begins with")
	}
	if bytes.Equal(mangled([]byte("ST,GS")), []byte("ST,GS")) {
		t.Error("what is heard at a wrong speed is right")
	}
	c.Speak(setting(c.end).baud, setting(c.end).parity)
	if !c.understood(c.end) {
		t.Error("not understood at its own speed")
	}
}
