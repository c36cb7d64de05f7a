package broker

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"

	"fieldmq/broker/tree"
)

// Sharing is how the messages of a shared subscription fall to its members.
// Those who are offline are passed over while others are online.
type Sharing uint8

// The ways of sharing.
const (
	RoundRobin Sharing = iota // each in turn
	Random                    // whoever chance says
	Sticky                    // one, until it is offline
	HashClient                // what one client publishes goes to one member
	HashTopic                 // one topic goes to one member
)

var sharings = [...]string{"round-robin", "random", "sticky", "hash-client", "hash-topic"}

// UnmarshalText reads the name of a way.
func (s *Sharing) UnmarshalText(text []byte) error {
	for i, name := range sharings {
		if name == string(text) {
			*s = Sharing(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not round-robin, random, sticky, hash-client or hash-topic", text)
}

// ConfigForms are the words to choose from.
func (Sharing) ConfigForms() []any {
	var words []any
	for _, word := range sharings {
		words = append(words, word)
	}
	return words
}

// MarshalText writes String.
func (s Sharing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the name of the way.
func (s Sharing) String() string { return sharings[s] }

// choose is the member that a message of a topic goes to. From is the
// publisher's session, nil if it has none.
func (s Sharing) choose(g *tree.Group[*session], topic []byte, from *session) *tree.Member[*session] {
	switch s {
	case Random:
		return g.From(rand.Uint32(), (*session).online)
	case Sticky:
		return g.Stay((*session).online)
	case HashClient:
		return g.From(from.hash(), (*session).online)
	case HashTopic:
		return g.From(crc32.ChecksumIEEE(topic), (*session).online)
	}
	return g.From(g.Turn(), (*session).online)
}

// hash is a number that is the same for the same client identifier.
func (s *session) hash() uint32 {
	if s == nil {
		return 0
	}
	return crc32.ChecksumIEEE([]byte(s.id))
}
