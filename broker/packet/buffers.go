package packet

import "sync"

// Buffers lends the buffers of many Readers, each as long as there is something
// in it. The zero value is ready. It may be used from many goroutines.
type Buffers struct{ small, large sync.Pool }

// lend returns a small or a large buffer.
func (b *Buffers) lend(wide bool) []byte {
	if wide {
		if buf, ok := b.large.Get().(*[largeBuffer]byte); ok {
			return buf[:]
		}
		return new([largeBuffer]byte)[:]
	}
	if buf, ok := b.small.Get().(*[smallBuffer]byte); ok {
		return buf[:]
	}
	return new([smallBuffer]byte)[:]
}

// takeBack takes a buffer back that nobody uses any more. One of another size is
// left to the garbage collector.
func (b *Buffers) takeBack(buf []byte) {
	switch len(buf) {
	case smallBuffer:
		b.small.Put((*[smallBuffer]byte)(buf))
	case largeBuffer:
		b.large.Put((*[largeBuffer]byte)(buf))
	}
}
