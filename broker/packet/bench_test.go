package packet

import (
	"testing"

	"fieldmq/broker/mqtt"
)

func BenchmarkPublish(b *testing.B) {
	m := mqtt.Message{Topic: "device/meter-1/voltage", Payload: make([]byte, 256)}
	out := Outgoing{Message: &m, QoS: 1, ID: 1}
	buf := out.Append(nil, V5)
	f := Frame{Header: buf[0], Body: append([]byte{}, buf[3:]...)}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = out.Append(buf[:0], V5)
		}
	})
	b.Run("decode", func(b *testing.B) {
		var p Publish
		b.ReportAllocs()
		for b.Loop() {
			if err := p.Decode(V5, f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
