package gateway

import (
	"slices"
	"sync"
)

// Keeper is where parts of the gateway keep small values over restarts: counters,
// what was learned of a device, what was last wanted of it. Keys are paths that
// begin with the part, such as gpio/door/flow. With gateway.data set it is the
// store: a value that Put has returned survives kill -9, and a second later a power
// cut. Without, it is memory. A part that has a value which changes all the time puts
// it once in a while and when it stops, or when it tells of it, for each Put is a write.
type Keeper interface {
	// Put keeps a value in place of the one before; an empty one removes the key.
	Put(key string, value []byte) error
	// Get is the value, nil if there is none. Nobody changes it.
	Get(key string) []byte
}

// Keeper is the one of this broker. It is asked for after Keep.
func (s *Service) Keeper() Keeper {
	if s.store != nil {
		return s.store
	}
	return &s.forgetful
}

// forgetful is a Keeper without a disk.
type forgetful struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (f *forgetful) Put(key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.values == nil {
		f.values = map[string][]byte{}
	}
	f.values[key] = slices.Clone(value)
	if len(value) == 0 {
		delete(f.values, key)
	}
	return nil
}

func (f *forgetful) Get(key string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values[key]
}
