// Package accept serves the connections of a listener, as simulated devices
// that are reached over a socket do.
package accept

import (
	"context"
	"net"
	"sync"
)

// Loop calls serve for each connection, at most so many at a time, until ctx
// ends, which is no error, or the listener fails. More clients are hung up on.
// It closes the listener and returns when all calls have returned; serve
// closes its connection, and returns soon after its ctx ends.
func Loop(ctx context.Context, l net.Listener, most int, serve func(context.Context, net.Conn)) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	places := make(chan struct{}, most)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer func() { <-places }()
			serve(ctx, conn)
		})
	}
}
