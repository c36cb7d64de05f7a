package broker

// flight is a message of QoS 1 or 2 that was sent and is not yet settled.
type flight struct {
	delivery
	turn     uint64 // when the identifier was given; see inflight
	released bool   // PUBREC came, PUBREL went: PUBCOMP is awaited
}

// id is the packet identifier.
func (f *flight) id() uint16 { return uint16(f.turn) }

// inflight holds what is under way to a client, in the order of first sending.
// [MQTT-4.6.0-6] Identifiers are given in turn, round after round: those in use
// are left out.
type inflight struct {
	fifo[flight]
	bytes  int    // of the messages
	unsent int    // so many of the last ones are to be sent again after a reconnect
	turn   uint64 // the last one: its low 16 bits are the identifier, the others count rounds
}

// next is the packet identifier that add takes next: the first free one.
// [MQTT-2.2.1-4]
func (f *inflight) next() uint16 {
	turn := f.turn + 1
	for uint16(turn) == 0 || !f.oneRound(turn) && f.find(uint16(turn)) >= 0 {
		turn++
	}
	return uint16(turn)
}

// oneRound says whether no identifier can have come twice from the first flight
// to a turn.
func (f *inflight) oneRound(turn uint64) bool { return f.len() == 0 || turn-f.at(0).turn < 1<<16 }

// add puts a delivery in flight and returns its packet identifier.
func (f *inflight) add(d delivery) uint16 {
	id := f.next()
	f.restore(d, id)
	return id
}

// restore puts a delivery in flight that had its packet identifier before.
func (f *inflight) restore(d delivery, id uint16) {
	f.turn += uint64(id - uint16(f.turn))
	f.push(flight{delivery: d, turn: f.turn})
	f.bytes += d.message.size()
}

// release lets go of the message of a flight: what was received is never sent
// again. [MQTT-4.3.3-5]
func (f *inflight) release(i int) {
	at := f.at(i)
	if at.message != nil {
		f.bytes -= at.message.size()
	}
	at.released, at.message = true, nil
}

// find returns the index of an identifier, -1 if it is not in flight. Within a
// round it is where the distance from the first one says, or a little before.
func (f *inflight) find(id uint16) int {
	i := f.len() - 1
	if i >= 0 && f.oneRound(f.turn) {
		i = min(i, int(id-f.at(0).id()))
	}
	for ; i >= 0; i-- {
		if f.at(i).id() == id {
			return i
		}
	}
	return -1
}

// settle takes a flight out.
func (f *inflight) settle(i int) flight {
	if i >= f.len()-f.unsent {
		f.unsent--
	}
	f.release(i)
	return f.remove(i)
}

// rewind says that all are to be sent again.
func (f *inflight) rewind() { f.unsent = f.len() }

// take empties the list and returns what was in it.
func (f *inflight) take() []flight {
	f.unsent, f.bytes = 0, 0
	return f.fifo.take()
}
