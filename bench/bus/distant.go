package main

import (
	"net"
	"time"
)

// distant is a listener whose answers take the round trip of a network.
type distant struct {
	net.Listener
	trip time.Duration
}

func (d distant) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil || d.trip == 0 {
		return conn, err
	}
	f := &farConn{Conn: conn, trip: d.trip, queue: make(chan parcel, 4096), ended: make(chan struct{})}
	go f.deliver()
	return f, nil
}

// farConn delays what is written to it, in order. Its goroutine ends with Close.
type farConn struct {
	net.Conn
	trip  time.Duration
	queue chan parcel
	ended chan struct{}
}

type parcel struct {
	due  time.Time
	data []byte
}

func (f *farConn) Write(p []byte) (int, error) {
	select {
	case f.queue <- parcel{time.Now().Add(f.trip), append([]byte(nil), p...)}:
		return len(p), nil
	case <-f.ended:
		return 0, net.ErrClosed
	}
}

func (f *farConn) deliver() {
	for {
		select {
		case <-f.ended:
			return
		case p := <-f.queue:
			time.Sleep(time.Until(p.due))
			if _, err := f.Conn.Write(p.data); err != nil {
				return
			}
		}
	}
}

func (f *farConn) Close() error {
	select {
	case <-f.ended:
	default:
		close(f.ended)
	}
	return f.Conn.Close()
}
