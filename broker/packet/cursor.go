package packet

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"fieldmq/broker/mqtt"
)

// cursor takes fields from the front of a body. The first fault stays, and
// every take after it yields zero, so that a decoder asks once at its end.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.b = nil
}

func (c *cursor) take(n int) []byte {
	if len(c.b) < n {
		c.fail(malformed("packet ends within a field"))
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// varint takes a variable byte integer in its shortest form. [MQTT-1.5.5-1]
func (c *cursor) varint() uint32 {
	var v uint32
	for shift := 0; shift < 28; shift += 7 {
		b := c.byte()
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 {
				c.fail(malformed("variable byte integer in more bytes than needed"))
				return 0
			}
			return v
		}
	}
	c.fail(malformed("variable byte integer of more than four bytes"))
	return 0
}

// binary takes binary data. It aliases the body.
func (c *cursor) binary() []byte { return c.take(int(c.uint16())) }

// copied is binary data of its own; it is not nil unless the cursor failed.
func (c *cursor) copied() []byte {
	b := c.binary()
	if c.err != nil {
		return nil
	}
	return append([]byte{}, b...)
}

// text takes a UTF-8 encoded string. It aliases the body.
// [MQTT-1.5.4-1] [MQTT-1.5.4-2]
func (c *cursor) text() []byte {
	b := c.binary()
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		c.fail(malformed("string that is not UTF-8 or holds U+0000"))
		return nil
	}
	return b
}

func (c *cursor) string() string { return string(c.text()) }

// id takes a packet identifier. [MQTT-2.2.1-3]
func (c *cursor) id() uint16 {
	id := c.uint16()
	if id == 0 && c.err == nil {
		c.fail(protocol("packet identifier 0"))
	}
	return id
}

// requestID is id where it begins a packet that is not there without one.
func (c *cursor) requestID() uint16 {
	id := c.uint16()
	if id == 0 {
		c.fail(malformed("packet identifier 0"))
	}
	return id
}

// filter takes a topic filter. [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.1-3]
// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
func (c *cursor) filter() mqtt.Filter {
	f := mqtt.Filter(c.text())
	if c.err == nil && !f.Subscribable() {
		c.fail(malformed("topic filter %.80q", f))
	}
	return f
}

// end is the first fault; bytes that are left over are one.
func (c *cursor) end() error {
	if c.err == nil && len(c.b) > 0 {
		c.fail(malformed("%d bytes too many", len(c.b)))
	}
	return c.err
}
