package arbiter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/drivers/modbus/frame"
)

// header is the length of the header of a Modbus TCP frame, of which the unit
// id is the last byte. (MTCP 3.1.3)
const header = 7

// writeTimeout is how long a client may take to take an answer.
const writeTimeout = 5 * time.Second

// mostStrangers is how many addresses are told of that may not come in: each once,
// however often it tries.
const mostStrangers = 100

// serveTCP serves Modbus TCP until ctx ends or the listener fails.
func (d *door) serveTCP(ctx context.Context) (opened bool, err error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", d.address())
	if errors.Is(err, syscall.EADDRINUSE) {
		return false, fmt.Errorf("%s is taken by another program; stop it, or set another port under serve: %w", d.address(), syscall.EADDRINUSE)
	}
	if err != nil {
		return false, err
	}
	d.log.Info("serving other masters", "address", ln.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		<-ctx.Done()
		return ln.Close()
	})
	strangers := map[netip.Addr]bool{} // that were told of
	all := &clients{most: d.Clients, since: map[net.Conn]time.Time{}}
	group.Go(func() error {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return err
			}
			if from := address(conn); !d.welcome(from) {
				if told := strangers[from]; !told && len(strangers) < mostStrangers {
					strangers[from] = true
					d.log.Warn("no rule lets this client in", "client", from)
				}
				conn.Close()
				continue
			}
			all.admit(conn)
			group.Go(func() error {
				defer all.leave(conn)
				d.converse(ctx, conn, all)
				return nil
			})
		}
	})
	return true, group.Wait()
}

// address is where a client is, in the shortest form.
func address(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// converse answers a client's requests one after the other until it goes, falls
// silent for too long or speaks something else.
func (d *door) converse(ctx context.Context, conn net.Conn, all *clients) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	log := d.log.With("client", conn.RemoteAddr())
	log.Debug("client is here")
	in := bufio.NewReaderSize(conn, header+frame.LongestPDU)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(d.Idle.D())); err != nil {
			return
		}
		head, pdu, err := request(in)
		if err != nil {
			log.Debug("client is gone", "reason", err)
			return
		}
		all.active(conn)
		answer := d.answer(ctx, address(conn), head[6], pdu)
		if ctx.Err() != nil {
			return
		}
		binary.BigEndian.PutUint16(head[4:], uint16(1+len(answer)))
		if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return
		}
		if _, err := conn.Write(append(head[:], answer...)); err != nil {
			return
		}
	}
}

var errFraming = errors.New("the client does not speak Modbus TCP")

// request reads one frame.
func request(in io.Reader) (head [header]byte, pdu []byte, err error) {
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return head, nil, err
	}
	protocol, size := binary.BigEndian.Uint16(head[2:]), int(binary.BigEndian.Uint16(head[4:]))
	if protocol != 0 || size < 2 || size > 1+frame.LongestPDU {
		return head, nil, errFraming
	}
	pdu = make([]byte, size-1)
	_, err = io.ReadFull(in, pdu)
	return head, pdu, err
}

// clients are the connections of a door. Where all places are taken the one
// that was silent longest makes room: the peer of a connection may be long gone
// without a word. (MTCP 4.2.2)
type clients struct {
	most  int
	mu    sync.Mutex
	since map[net.Conn]time.Time // of the last request
}

func (c *clients) admit(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.since) >= c.most {
		var oldest net.Conn
		for other, at := range c.since {
			if oldest == nil || at.Before(c.since[oldest]) {
				oldest = other
			}
		}
		oldest.Close()
		delete(c.since, oldest)
	}
	c.since[conn] = time.Now()
}

func (c *clients) active(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, here := c.since[conn]; here {
		c.since[conn] = time.Now()
	}
}

func (c *clients) leave(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.since, conn)
}
