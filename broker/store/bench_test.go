package store

import (
	"strings"
	"testing"

	"fieldmq/broker"
)

// BenchmarkMessage is what a message of 200 bytes costs that is stored, sent and
// settled; commit is the write that its acknowledgement waits for.
func BenchmarkMessage(b *testing.B) {
	for name, every := range map[string]int{"a commit each": 1, "a commit for 100": 100} {
		b.Run(name, func(b *testing.B) {
			cfg := Defaults()
			s := mustOpen(b, b.TempDir(), cfg)
			defer s.die()
			s.must(b, entered("client"))
			payload := strings.Repeat("v", 200)
			for i := range b.N {
				n := uint64(i + 1)
				for _, r := range []broker.Record{
					queued(n, payload, "client"), broker.Sent{ClientID: "client", Number: n, PacketID: 1}, broker.Settled{ClientID: "client", Number: n},
				} {
					if err := s.Append(r); err != nil {
						b.Fatal(err)
					}
				}
				if i%every > 0 {
					continue
				}
				if err := s.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
				if i%1000 == 0 {
					if err := s.tend(true); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
