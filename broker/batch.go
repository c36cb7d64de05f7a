package broker

import (
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// batch is what the packets of one read publish. A connection has one only
// while there is something in it: most are silent most of the time.
type batch struct {
	courier
	in      packet.Publish
	message mqtt.Message // that in holds; here, and not made for each packet
}

// publishing is the batch that the connection is at.
func (c *conn) publishing() *batch {
	if c.batch == nil {
		c.batch = c.server.batches.Get().(*batch)
	}
	return c.batch
}

// full says that no more should be read before the batch has ended.
func (b *batch) full() bool { return b != nil && (b.crowded != nil || b.echoed) }

// endPublishing flushes the batch, if there is one, and gives it back.
func (c *conn) endPublishing() {
	b := c.batch
	if b == nil {
		return
	}
	c.batch = nil
	b.flush()
	b.done()
	b.message = mqtt.Message{}
	c.server.batches.Put(b)
}
