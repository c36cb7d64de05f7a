package bridge

import (
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// batching is how the queue puts messages of the history together.
type batching struct {
	batcher
	messages, bytes int // at most in one
}

// newBatching is nil where each message goes by itself.
func newBatching(b *Bridge) *batching {
	as := newBatcher(b)
	if as == nil {
		return nil
	}
	return &batching{as, b.config.Batch.Messages, int(b.config.Batch.Bytes)}
}

// gather takes what follows a message of the history for the same flight. It
// stops at what goes by itself, and where the batch is full. While a message is
// suspected nothing is gathered, nor what the server did not take together.
func (q *queue) gather(first *entry, now time.Time) (more []*entry, records [][]byte) {
	b := q.batching
	if b == nil || q.suspect != nil || first.tries > 0 || first.number <= q.alone || !first.past {
		return nil, nil
	}
	record, ok := b.record(first)
	if !ok {
		return nil, nil
	}
	records = append(records, record)
	room := b.room(&q.server) - len(record)
	for len(records) < b.messages {
		e, taken := q.follower(now)
		if e == nil {
			break
		}
		if record, ok = b.record(e); !ok || len(record)+1 > room {
			break
		}
		taken()
		e.past = true
		more, records = append(more, e), append(records, record)
		room -= len(record) + 1
	}
	if len(more) == 0 {
		return nil, nil // a message that stands alone goes as it is
	}
	if q.drain > 0 {
		q.paced = q.paced.Add(time.Duration(len(more)) * time.Second / time.Duration(q.drain))
	}
	return more, records
}

// room is how many bytes of records go together.
func (b *batching) room(s *server) int {
	const frame = 512 // what is around them: topic, properties
	room := b.bytes
	if most := int(s.limits.Payload); most > 0 {
		room = min(room, most-frame)
	}
	if s.maxPacket > 0 {
		room = min(room, int(s.maxPacket)-frame)
	}
	return room
}

// follower is the next of the history, which stays there until taken is called.
func (q *queue) follower(now time.Time) (e *entry, taken func()) {
	for {
		if len(q.page) == 0 {
			q.turnPage()
		}
		if len(q.page) == 0 {
			return nil, nil
		}
		i := q.page[0]
		if q.gapStands(i.number, now) { // it is told of by itself
			return nil, nil
		}
		taken = func() { q.page[0] = item{}; q.page = q.page[1:] }
		if q.busy[i.number] != nil {
			taken()
			continue
		}
		e := q.entryOf(i, nil)
		if q.delayed(e.message.Topic) {
			taken()
			q.back++
			continue
		}
		reason := e.unwanted
		if reason == "" {
			reason = q.unsendable(e, now)
		}
		if reason == "" {
			return e, taken
		}
		taken()
		q.drop(e, reason)
	}
}

// entries are all that a flight carries.
func (f *flight) entries() []*entry { return append([]*entry{f.entry}, f.more...) }

// payload is how many bytes of payload a flight carries.
func (f *flight) payload() (sum int64) {
	for _, e := range f.entries() {
		sum += int64(len(e.message.Payload))
	}
	return sum
}

// scatter takes a flight down over which the server hung up. If a message of it is
// guilty, that shows when each goes by itself.
func (q *queue) scatter(f *flight) {
	q.land(f)
	for _, e := range f.entries() {
		q.alone = max(q.alone, e.number)
		q.shelve(e)
	}
}

// encodeBatch is the packet of a flight of several messages.
func (f *flight) encodeBatch(as batcher) *packets.Publish {
	m := as.join(f.records)
	return &packets.Publish{Topic: m.Topic, Payload: m.Payload, QoS: byte(f.qos), Duplicate: f.dup, PacketID: f.id, Properties: properties(&m)}
}
