package bridge

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// trickle reads some bytes of a connection each second, and says how many came.
func trickle(c net.Conn, bytes int, until func(read int) bool) int {
	read := 0
	for piece := make([]byte, bytes); !until(read); time.Sleep(time.Second) {
		n, err := io.ReadFull(c, piece)
		if read += n; err != nil {
			break
		}
	}
	return read
}

func TestALineMayBeSlowButNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		l := &line{Conn: near}
		const size, speed = 100 << 10, 1 << 10
		go trickle(far, speed, func(read int) bool { return read == size })
		began := time.Now()
		if n, err := l.Write(make([]byte, size)); n != size || err != nil {
			t.Errorf("%d bytes of %d left in %v: %v", n, size, time.Since(began), err)
		}
		began = time.Now()
		n, err := l.Write(make([]byte, size))
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != writeTimeout {
			t.Errorf("a dead line takes %d bytes: %v after %v", n, err, time.Since(began))
		}
	})
}

func TestALineEndsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		l := &line{Conn: near}
		ended := make(chan int)
		go func() { ended <- trickle(far, 10, func(int) bool { return false }) }()
		began := time.Now()
		time.AfterFunc(3*time.Second, func() { l.SetWriteDeadline(time.Now().Add(time.Second)) })
		n, err := l.Write(make([]byte, 1000))
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 4*time.Second {
			t.Errorf("%d bytes, %v after %v", n, err, time.Since(began))
		}
		near.Close()
		<-ended
	})
}

// What stands behind much else on a slow line is not late.
func TestAPingBehindABacklogIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newConn(&line{Conn: near})
		go c.flush()
		defer c.Close()
		defer far.Close()
		ended := make(chan error, 1)
		go func() { ended <- (&pinger{c}).Run(t.Context(), nil, 30) }()
		const size = 40 << 10
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		trickle(far, 1<<10, func(read int) bool { return read == size }) // 40 s
		if len(ended) > 0 {
			t.Fatalf("given up while it moves: %v", <-ended)
		}
		go io.Copy(io.Discard, far) // PINGREQ arrives, and no answer comes
		began := time.Now()
		if err := <-ended; !errors.Is(err, errSilent) || time.Since(began) > time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestAMessageIsOverdueOnceItHasLeft(t *testing.T) {
	q, now := testQueue(100, ""), time.Now()
	q.begin(anything, false)
	q.add(message("a", "1", false), false, now)
	q.add(message("a", "2", false), false, now)
	first, _ := q.nextFlight(now)
	second, _ := q.nextFlight(now.Add(time.Second))
	for _, c := range []struct {
		left, now time.Duration
		overdue   bool
	}{
		{-time.Second, 0, false},
		{-time.Second, 10 * ackTimeout, false}, // it stands in the buffer
		{time.Second, 10 * ackTimeout, false},
		{time.Second, 11 * ackTimeout, false},
		{time.Second, 11*ackTimeout + 1, true},
	} {
		if got := q.overdue(now.Add(c.left), now.Add(c.now)); got != c.overdue {
			t.Errorf("sent up to %v, after %v: overdue %v", c.left, c.now, got)
		}
	}
	q.acknowledge(first.id, 0, now)
	if q.overdue(now.Add(time.Second), now.Add(11*ackTimeout+1)) {
		t.Error("the second one has its own time")
	}
	q.acknowledge(second.id, 0, now)
	if q.overdue(now.Add(time.Hour), now.Add(20*ackTimeout)) {
		t.Error("nothing is under way")
	}
}
