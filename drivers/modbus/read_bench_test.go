package modbus

import (
	"context"
	"testing"
	"time"

	"fieldmq/drivers"
)

// instant is a link that answers at once.
type instant struct{ link }

func (instant) cost(target) cost { return cost{request: time.Millisecond, byte: time.Microsecond} }

func (instant) ask(_ context.Context, questions []question) ([]answer, error) {
	answers := make([]answer, len(questions))
	for i, q := range questions {
		answers[i] = answer{data: make([]byte, 2*quantity(q.request)), at: time.Now()}
	}
	return answers, nil
}

// BenchmarkRead is what a hundred values cost beside the link.
func BenchmarkRead(b *testing.B) {
	for _, kind := range []Type{Uint16, Float32} {
		b.Run(kind.String(), func(b *testing.B) {
			bus := newBus(instant{}, quiet())
			d := unitOf(newTCPSettings(), 1)
			var points []*drivers.Point
			for n := range 100 {
				points = append(points, point(d, "p", holding(n*types[kind].words, kind)))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bus.Read(b.Context(), points); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
