//go:build linux

package main

import (
	"sync"

	"fieldmq/broker/packet"
)

// watch reads along what passes the proxy and tells the judge which messages the
// cloud has acknowledged: a cloud that is killed may forget these, and that is
// not the bridge's fault.
type watch struct{ judge *judge }

// wire is for one connection. The functions take what goes up, before it does,
// and what comes down. A nil watch sees nothing.
func (w *watch) wire() (up, down func([]byte)) {
	if w == nil {
		nothing := func([]byte) {}
		return nothing, nothing
	}
	var mu sync.Mutex
	flying := map[uint16]int{} // numbers by packet identifier
	up = frames(func(f packet.Frame) {
		var p packet.Publish
		if f.Type() != packet.PUBLISH || p.Decode(packet.V5, f) != nil {
			return
		}
		if n, ok := number(p.Payload); ok {
			mu.Lock()
			defer mu.Unlock()
			flying[p.ID] = n
		}
	})
	down = frames(func(f packet.Frame) {
		var ack packet.Ack
		if f.Type() != packet.PUBACK || ack.Decode(packet.V5, f) != nil || ack.Reason.Failed() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if n, ok := flying[ack.ID]; ok {
			w.judge.confirm(n)
			delete(flying, ack.ID)
		}
	})
	return up, down
}

// frames cuts packets out of the pieces of a stream.
func frames(see func(packet.Frame)) func([]byte) {
	var held []byte
	return func(piece []byte) {
		held = append(held, piece...)
		for {
			f, size, err := packet.Cut(held, packet.MaxPacket)
			if err != nil || size == 0 {
				return
			}
			see(f)
			held = held[size:]
		}
	}
}
