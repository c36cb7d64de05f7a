package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a verifier.
const (
	mostWaiting    = 32              // passwords that wait to be checked
	longestWait    = 5 * time.Second // of one of them
	mostRemembered = 16_384          // credentials, 32 bytes each
)

// credential is what a client says it is.
type credential struct {
	user     string
	password []byte
	stored   stored
}

// verifier checks passwords, a few at a time, and remembers those that were
// right.
type verifier struct {
	key     []byte        // of this process: what is remembered is worth nothing without
	slots   chan struct{} // one for each hash under way, which costs a processor and memory
	closed  chan struct{}
	waiting *atomic.Int32
	right   *memory
	wrong   *memory
}

// memory is a set of credentials.
type memory struct {
	mu  sync.Mutex
	set map[[sha256.Size]byte]struct{}
}

func newVerifier() verifier {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return verifier{
		key:     key,
		slots:   make(chan struct{}, min(max(1, runtime.GOMAXPROCS(0)/2), 2)),
		closed:  make(chan struct{}),
		waiting: new(atomic.Int32),
		right:   newMemory(),
		wrong:   newMemory(),
	}
}

func newMemory() *memory { return &memory{set: map[[sha256.Size]byte]struct{}{}} }

// enter waits for the turn to check a password. It fails if too many wait, and
// at the end of the process.
func (v *verifier) enter() bool {
	if v.waiting.Add(1) > mostWaiting {
		v.waiting.Add(-1)
		return false
	}
	defer v.waiting.Add(-1)
	patience := time.NewTimer(longestWait)
	defer patience.Stop()
	select {
	case v.slots <- struct{}{}:
		return true
	case <-v.closed:
	case <-patience.C:
	}
	return false
}

func (v *verifier) leave() { <-v.slots }

// verify checks a password; the caller has entered.
func (v *verifier) verify(c credential) bool {
	if v.remembers(c) {
		return true
	}
	if !c.stored.hash.fits(c.password) {
		v.wrong.add(v.digest(c))
		return false
	}
	v.right.add(v.digest(c))
	return true
}

// remembers says whether the password was right before. One that has changed
// since is not.
func (v *verifier) remembers(c credential) bool { return v.right.has(v.digest(c)) }

// refused says whether the password was wrong before. Who brings it again does not
// guess: it is a device that nobody has told of the new one.
func (v *verifier) refused(c credential) bool { return v.wrong.has(v.digest(c)) }

// digest names a credential; only this process can.
func (v *verifier) digest(c credential) (d [sha256.Size]byte) {
	mac := hmac.New(sha256.New, v.key)
	for _, part := range [][]byte{[]byte(c.user), []byte(c.stored.text), c.password} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write(part)
	}
	mac.Sum(d[:0])
	return d
}

func (m *memory) has(d [sha256.Size]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.set[d]
	return ok
}

// add forgets another one if there are too many, whichever comes first.
func (m *memory) add(d [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.set) >= mostRemembered {
		for other := range m.set {
			delete(m.set, other)
			break
		}
	}
	m.set[d] = struct{}{}
}
