package broker

// flight is a message of QoS 1 or 2 that was sent and is not yet settled.
type flight struct {
	delivery
	id       uint16
	released bool // PUBREC came, PUBREL went: PUBCOMP is awaited
}

// inflight holds what is under way to a client, in the order of first sending.
// [MQTT-4.6.0-6]
type inflight struct {
	fifo[flight]
	bytes  int // of the messages
	unsent int // so many of the last ones are to be sent again after a reconnect
	lastID uint16
}

// next is the packet identifier that add takes next: the first free one.
// [MQTT-2.2.1-4]
func (f *inflight) next() uint16 {
	id := f.lastID + 1
	for id == 0 || f.find(id) >= 0 {
		id++
	}
	return id
}

// add puts a delivery in flight and returns its packet identifier.
func (f *inflight) add(d delivery) uint16 {
	f.lastID = f.next()
	f.restore(d, f.lastID)
	return f.lastID
}

// restore puts a delivery in flight that had its packet identifier before.
func (f *inflight) restore(d delivery, id uint16) {
	f.push(flight{delivery: d, id: id})
	f.bytes += d.message.size()
	f.lastID = id
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

// find returns the index of an identifier, -1 if it is not in flight. As
// identifiers are given in order, it is where the distance from the first one
// says, or a little before.
func (f *inflight) find(id uint16) int {
	if f.len() == 0 {
		return -1
	}
	for i := min(int(id-f.at(0).id), f.len()-1); i >= 0; i-- {
		if f.at(i).id == id {
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
