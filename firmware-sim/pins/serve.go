package pins

import (
	"bufio"
	"context"
	"net"
	"sync"

	"fieldmq/firmware-sim/accept"
)

const (
	// maxClients is how many there may be at a time; one more is hung up on.
	maxClients = 64
	// maxQueue is how many lines may wait for a client. Edges take no more
	// than half of it and are lost then, as in a kernel whose events nobody
	// fetches; a client that lets its answers pile up is hung up on.
	maxQueue = 1024
	maxLine  = 256
)

// Serve moves the chip's wiring and answers clients until ctx ends, which is
// no error, or the listener fails. It closes the listener and is called once.
func (c *Chip) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wiring sync.WaitGroup
	defer wiring.Wait()
	defer cancel()
	wiring.Go(func() { c.run(ctx) })
	return accept.Loop(ctx, l, maxClients, c.serveConn)
}

// serveConn answers one client until it goes or ctx ends.
func (c *Chip) serveConn(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	client := &client{queue: make(chan string, maxQueue), hangUp: cancel}
	var wait sync.WaitGroup
	wait.Go(func() {
		<-ctx.Done()
		conn.Close() // ends the scan and the write
	})
	wait.Go(func() {
		defer cancel()
		client.write(ctx, conn)
	})
	in := bufio.NewScanner(conn)
	in.Buffer(make([]byte, maxLine), maxLine)
	for in.Scan() {
		c.handle(client, in.Text())
	}
	cancel()
	wait.Wait()
	c.releaseAll(client)
}

// client is one connection.
type client struct {
	queue  chan string
	hangUp context.CancelFunc
}

// answer queues an answer.
func (c *client) answer(text string) {
	select {
	case c.queue <- text:
	default:
		c.hangUp()
	}
}

// tell queues what was not asked for, if there is room.
func (c *client) tell(text string) {
	if len(c.queue) < maxQueue/2 {
		c.answer(text)
	}
}

// write sends what is queued.
func (c *client) write(ctx context.Context, conn net.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-c.queue:
			if _, err := conn.Write([]byte(text)); err != nil {
				return
			}
		}
	}
}
