package tree

import (
	"hash/maphash"
	"sync/atomic"
)

// Bounds of a memory: so many topics, none longer than this, and so many
// receivers in all of their lists. Together they are a few megabytes at most.
const (
	slots        = 1 << 11
	longestTopic = 512
	mostEntries  = 1 << 16
)

// memory remembers who takes which topic. A topic has one slot, and the last
// one to come takes it, so it needs no tidying. Reading takes no lock.
type memory[S comparable] struct {
	seed  maphash.Seed
	slots [slots]atomic.Pointer[Match[S]]
	held  int // receivers in all that was kept, replaced ones too; the tree's lock guards it
}

func newMemory[S comparable]() *memory[S] { return &memory[S]{seed: maphash.MakeSeed()} }

func (m *memory[S]) slot(topic []byte) *atomic.Pointer[Match[S]] {
	return &m.slots[maphash.Bytes(m.seed, topic)%slots]
}

func (m *memory[S]) recall(topic []byte) *Match[S] {
	found := m.slot(topic).Load()
	if found == nil || found.Topic != string(topic) {
		return nil
	}
	return found
}

func (m *memory[S]) full() bool { return m.held > mostEntries }

func (m *memory[S]) keep(found *Match[S]) {
	if len(found.Topic) > longestTopic {
		return
	}
	m.held += 1 + len(found.Receivers) + len(found.Groups)
	m.slot([]byte(found.Topic)).Store(found)
}
