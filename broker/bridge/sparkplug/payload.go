// Package sparkplug packs and unpacks the payloads of Sparkplug B 3.0: the few
// fields of its protocol buffers that a gateway needs, by their numbers.
package sparkplug

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Type is a data type of Sparkplug. (6.4.16)
type Type uint32

// Types that are sent, and those that commands may come in.
const (
	Int8    Type = 1
	Int16   Type = 2
	Int32   Type = 3
	Int64   Type = 4
	UInt8   Type = 5
	UInt16  Type = 6
	UInt32  Type = 7
	UInt64  Type = 8
	Float   Type = 9
	Double  Type = 10
	Boolean Type = 11
	String  Type = 12
)

// Payload is a message.
type Payload struct {
	Time    uint64 // Unix milliseconds
	Metrics []Metric
	Seq     int // negative: it has none
}

// Metric is one value.
type Metric struct {
	Name       string // empty: the alias stands for it
	Alias      uint64
	Aliased    bool
	Time       uint64
	Type       Type // zero: it was told at birth
	Historical bool
	Value      any               // bool, int64, float64, string; nil: there is none
	Unit       string            // engUnit, told at birth
	raw        map[uint64]uint64 // of integers and floats that came, by field
}

// Fields of payload, metric and property set.
const (
	payloadTime    = 1
	payloadMetric  = 2
	payloadSeq     = 3
	metricName     = 1
	metricAlias    = 2
	metricTime     = 3
	metricType     = 4
	metricOld      = 5
	metricNull     = 7
	metricProps    = 9
	metricInt      = 10
	metricLong     = 11
	metricFloat    = 12
	metricDouble   = 13
	metricBool     = 14
	metricString   = 15
	propsKey       = 1
	propsValue     = 2
	propertyType   = 1
	propertyString = 8
)

// Kinds of fields on the wire.
const (
	varint  = 0
	eight   = 1
	lengthy = 2
	four    = 5
)

func tag(b []byte, field, kind uint64) []byte { return binary.AppendUvarint(b, field<<3|kind) }

func number(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(tag(b, field, varint), v)
}

func text(b []byte, field uint64, v string) []byte {
	b = binary.AppendUvarint(tag(b, field, lengthy), uint64(len(v)))
	return append(b, v...)
}

func truth(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// Append appends the payload as it goes over the wire.
func (p *Payload) Append(b []byte) []byte {
	b = number(b, payloadTime, p.Time)
	for i := range p.Metrics {
		b = text(b, payloadMetric, string(p.Metrics[i].append(nil)))
	}
	if p.Seq >= 0 {
		b = number(b, payloadSeq, uint64(p.Seq))
	}
	return b
}

func (m *Metric) append(b []byte) []byte {
	if m.Name != "" {
		b = text(b, metricName, m.Name)
	}
	if m.Aliased {
		b = number(b, metricAlias, m.Alias)
	}
	b = number(b, metricTime, m.Time)
	if m.Type != 0 {
		b = number(b, metricType, uint64(m.Type))
	}
	if m.Historical {
		b = number(b, metricOld, 1)
	}
	if m.Value == nil {
		b = number(b, metricNull, 1)
	}
	if m.Unit != "" {
		b = text(b, metricProps, string(unit(m.Unit)))
	}
	switch v := m.Value.(type) {
	case bool:
		b = number(b, metricBool, truth(v))
	case int64:
		b = number(b, metricLong, uint64(v))
	case float64:
		b = binary.LittleEndian.AppendUint64(tag(b, metricDouble, eight), math.Float64bits(v))
	case string:
		b = text(b, metricString, v)
	}
	return b
}

// unit is the property set {engUnit: u}.
func unit(u string) []byte {
	b := text(nil, propsKey, "engUnit")
	value := text(number(nil, propertyType, uint64(String)), propertyString, u)
	return text(b, propsValue, string(value))
}

var errTorn = errors.New("torn payload")

// field takes the first field off b.
func field(b []byte) (num uint64, kind uint64, v uint64, inside, rest []byte, err error) {
	key, n := binary.Uvarint(b)
	if n <= 0 || key>>3 == 0 {
		return 0, 0, 0, nil, nil, errTorn
	}
	b = b[n:]
	num, kind = key>>3, key&7
	switch kind {
	case varint:
		if v, n = binary.Uvarint(b); n <= 0 {
			return 0, 0, 0, nil, nil, errTorn
		}
		return num, kind, v, nil, b[n:], nil
	case lengthy:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return 0, 0, 0, nil, nil, errTorn
		}
		return num, kind, 0, b[n : n+int(size)], b[n+int(size):], nil
	case eight:
		if len(b) < 8 {
			return 0, 0, 0, nil, nil, errTorn
		}
		return num, kind, binary.LittleEndian.Uint64(b), nil, b[8:], nil
	case four:
		if len(b) < 4 {
			return 0, 0, 0, nil, nil, errTorn
		}
		return num, kind, uint64(binary.LittleEndian.Uint32(b)), nil, b[4:], nil
	}
	return 0, 0, 0, nil, nil, fmt.Errorf("%w: kind %d of field %d", errTorn, kind, num)
}

// mostMetrics bounds what one message can make us do.
const mostMetrics = 1000

// Parse reads a payload. Fields that it does not know it passes over.
func Parse(b []byte) (Payload, error) {
	p := Payload{Seq: -1}
	for len(b) > 0 {
		num, kind, v, inside, rest, err := field(b)
		if err != nil {
			return p, err
		}
		b = rest
		switch {
		case num == payloadTime && kind == varint:
			p.Time = v
		case num == payloadSeq && kind == varint:
			p.Seq = int(v & 0xFF)
		case num == payloadMetric && kind == lengthy:
			if len(p.Metrics) == mostMetrics {
				return p, fmt.Errorf("more than %d metrics", mostMetrics)
			}
			m, err := parseMetric(inside)
			if err != nil {
				return p, err
			}
			p.Metrics = append(p.Metrics, m)
		}
	}
	return p, nil
}

func parseMetric(b []byte) (Metric, error) {
	m := Metric{raw: map[uint64]uint64{}}
	for len(b) > 0 {
		num, kind, v, inside, rest, err := field(b)
		if err != nil {
			return m, err
		}
		b = rest
		switch {
		case num == metricName && kind == lengthy:
			m.Name = string(inside)
		case num == metricAlias && kind == varint:
			m.Alias, m.Aliased = v, true
		case num == metricTime && kind == varint:
			m.Time = v
		case num == metricType && kind == varint:
			m.Type = Type(v)
		case num == metricOld && kind == varint:
			m.Historical = v != 0
		case num == metricBool && kind == varint:
			m.Value = v != 0
		case num == metricString && kind == lengthy:
			m.Value = string(inside)
		case num == metricDouble && kind == eight:
			m.Value = math.Float64frombits(v)
		case num == metricFloat && kind == four:
			m.Value = float64(math.Float32frombits(uint32(v)))
		case (num == metricInt || num == metricLong) && kind == varint:
			m.raw[num] = v
		}
	}
	m.integer()
	return m, nil
}

// integer makes a value of the integer that came: signed types are two's
// complement in the width of their field or of their type. (6.4.17)
func (m *Metric) integer() {
	if v, ok := m.raw[metricLong]; ok {
		m.Value = int64(v)
	}
	v, ok := m.raw[metricInt]
	if !ok {
		return
	}
	switch m.Type {
	case Int8:
		m.Value = int64(int8(v))
	case Int16:
		m.Value = int64(int16(v))
	case UInt8, UInt16, UInt32:
		m.Value = int64(uint32(v))
	default:
		m.Value = int64(int32(v))
	}
}
