package tape_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"fieldmq/firmware-sim/tape"
)

func TestAnswersComeInTheirOrderAndTheLastStays(t *testing.T) {
	piece := func(b ...byte) []tape.Piece { return []tape.Piece{{Bytes: b}} }
	ask := []byte{0, 0, 0, 2, 1, 3}
	tp := tape.New([]tape.Exchange{
		{Request: ask, Answer: piece(0, 0, 0, 2, 1, 10)},
		{Request: ask, Answer: []tape.Piece{{Bytes: []byte{0, 0, 0, 2, 1, 11}, After: time.Millisecond}}},
	}, 1, func(request []byte) []byte { return append(request[:5:5], 99) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tp.ServeTCP(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		ask  []byte
		last byte
	}{{ask, 10}, {ask, 11}, {ask, 11}, {[]byte{0, 0, 0, 2, 1, 4}, 99}} {
		number := []byte{7, byte(i)}
		if _, err := conn.Write(append(number, c.ask...)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 8)
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got[:2], number) || got[7] != c.last {
			t.Errorf("answer %d: % X, %v; want %d", i, got, err, c.last)
		}
	}
	if played, left, unknown := tp.Report(); played != 3 || left != 0 || unknown != 1 {
		t.Errorf("%d played, %d left, %d unknown", played, left, unknown)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
