package store

import (
	"encoding/binary"
	"math"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// codec carries fields to bytes or back, so that both directions have one
// description. Writing, it leaves the fields alone: others may be reading them.
// Reading, it never goes beyond its bytes, and is broken by the first field that
// does not fit.
type codec struct {
	buf     []byte // written, or still to be read
	reading bool
	broken  bool
}

func (c *codec) number(v *uint64) {
	if !c.reading {
		c.buf = binary.AppendUvarint(c.buf, *v)
		return
	}
	n, size := binary.Uvarint(c.buf)
	if size <= 0 {
		c.fail()
		return
	}
	*v, c.buf = n, c.buf[size:]
}

func (c *codec) fail() { c.broken, c.buf = true, nil }

// small is a number that must not be above a maximum.
func small[T ~uint8 | ~uint16 | ~uint32](c *codec, v *T, highest T) {
	n := uint64(*v)
	c.number(&n)
	switch {
	case n > uint64(highest):
		c.fail()
	case c.reading:
		*v = T(n)
	}
}

func (c *codec) flag(v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	small(c, &n, 1)
	if c.reading {
		*v = n == 1
	}
}

func (c *codec) duration(v *time.Duration) {
	n := uint64(*v)
	c.number(&n)
	if c.reading {
		*v = time.Duration(n)
	}
}

// time is an instant in Unix nanoseconds; 0 is the zero time.
func (c *codec) time(v *time.Time) {
	var n uint64
	if !c.reading && !v.IsZero() {
		n = uint64(v.UnixNano())
	}
	c.number(&n)
	if c.reading && n != 0 {
		*v = time.Unix(0, int64(n))
	}
}

// milliseconds is an instant in Unix milliseconds; 0 is the zero time.
func (c *codec) milliseconds(v *time.Time) {
	var n uint64
	if !c.reading && !v.IsZero() {
		n = uint64(v.UnixMilli())
	}
	c.number(&n)
	if c.reading && n != 0 {
		*v = time.UnixMilli(int64(n))
	}
}

// over says whether all is read: an earlier version wrote no more.
func (c *codec) over() bool { return c.reading && !c.broken && len(c.buf) == 0 }

// sized is a run of bytes behind its length. What is read aliases the record.
func (c *codec) sized(n int) []byte {
	if n < 0 || n > len(c.buf) {
		c.fail()
		return nil
	}
	run := c.buf[:n:n]
	c.buf = c.buf[n:]
	return run
}

func (c *codec) text(v *string) {
	n := c.length(len(*v))
	if c.reading {
		*v = string(c.sized(n))
		return
	}
	c.buf = append(c.buf, *v...)
}

// bytes are written with their length plus one; 0 stands for nil.
func (c *codec) bytes(v *[]byte) {
	n := 0
	if *v != nil {
		n = len(*v) + 1
	}
	n = c.length(n)
	switch {
	case !c.reading:
		c.buf = append(c.buf, *v...)
	case n > 0:
		*v = append([]byte{}, c.sized(n-1)...)
	}
}

// length is a number that fits what is left.
func (c *codec) length(n int) int {
	v := uint64(n)
	c.number(&v)
	if c.reading && v > uint64(len(c.buf))+1 {
		c.fail()
		return 0
	}
	return int(v)
}

// list carries the elements of a slice. Each is at least a byte.
func list[T any](c *codec, v *[]T, element func(*T)) {
	n := c.length(len(*v))
	if c.reading && n > len(c.buf) {
		c.fail()
		return
	}
	if c.reading && n > 0 {
		*v = make([]T, n)
	}
	for i := range *v {
		element(&(*v)[i])
		if c.broken {
			return
		}
	}
}

func filterOf(c *codec, f *mqtt.Filter) {
	text := string(*f)
	c.text(&text)
	if c.reading {
		*f = mqtt.Filter(text)
	}
}

// message is an application message, without the interval of its expiry if the
// record has the time of it.
func (c *codec) message(m *mqtt.Message) {
	c.text(&m.Topic)
	c.bytes(&m.Payload)
	small(c, &m.QoS, mqtt.ExactlyOnce)
	c.flag(&m.Retain)
	c.duration(&m.Expiry)
	c.format(m)
	c.text(&m.ContentType)
	c.text(&m.ResponseTopic)
	c.bytes(&m.CorrelationData)
	list(c, &m.UserProperties, func(p *mqtt.UserProperty) {
		c.text(&p.Name)
		c.text(&p.Value)
	})
}

// format is the payload format indicator: 0 stands for none, 1 for text, 2 for bytes.
func (c *codec) format(m *mqtt.Message) {
	var n uint8
	switch {
	case m.UTF8:
		n = 1
	case m.Bytes:
		n = 2
	}
	small(c, &n, 2)
	if c.reading {
		m.UTF8, m.Bytes = n == 1, n == 2
	}
}

func (c *codec) will(w **packet.Will) {
	there := *w != nil
	c.flag(&there)
	if !there {
		return
	}
	if c.reading {
		*w = &packet.Will{}
	}
	c.message(&(*w).Message)
	c.duration(&(*w).Delay)
}

// source is the client that has published something.
func (c *codec) source(s **broker.Source) {
	there := *s != nil
	c.flag(&there)
	if !there {
		return
	}
	if c.reading {
		*s = &broker.Source{}
	}
	c.text(&(*s).ClientID)
	c.text(&(*s).User)
	c.text(&(*s).Cert)
	c.flag(&(*s).Local)
}

// since3 is what else is known of a session's client as a source; version 2 has
// none.
func (c *codec) since3(cert *string, local *bool) {
	if c.over() {
		return
	}
	c.text(cert)
	c.flag(local)
}

func (c *codec) packetID(v *uint16) { small(c, v, math.MaxUint16) }
