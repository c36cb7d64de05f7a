package access

import (
	"crypto/sha256"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"
)

// brake slows those who guess passwords. It counts failures of a user at an
// address, of an address, and of a user anywhere; each count has its own
// patience, and runs down with time. The same wrong password from the same place counts
// for itself. So a device with an old password hurts itself only, and who guesses from elsewhere does not lock a user out at the places
// where that has logged in before.
type brake struct {
	seed      maphash.Seed
	mu        sync.Mutex
	pairs     counts
	addresses counts
	users     counts
	repeats   counts              // of one wrong password by a user at an address
	places    map[uint64]struct{} // where users have logged in
}

// place is a user at an address.
type place struct{ user, address string }

// counts are failures, by a hash of what they are counted for.
type counts struct {
	free   float64       // failures that cost nothing
	fade   time.Duration // after which one is forgotten
	first  time.Duration // the wait after one too many; each more doubles it
	last   time.Duration // the longest wait
	counts map[uint64]count
}

type count struct {
	failures float64 // as of at, fading
	at       time.Time
}

// mostCounted is how many are remembered of each kind.
const mostCounted = 8192

func newBrake() brake {
	kind := func(free float64, fade time.Duration) counts {
		return counts{free: free, fade: fade, first: time.Second, last: 10 * time.Second, counts: map[uint64]count{}}
	}
	return brake{
		seed:      maphash.MakeSeed(),
		pairs:     kind(3, 30*time.Second),
		addresses: kind(30, 10*time.Second),
		users:     kind(50, 10*time.Second),
		repeats:   kind(3, 30*time.Second),
		places:    map[uint64]struct{}{},
	}
}

// wait is how long there is to wait until the next attempt counts; none is
// looked at before.
func (b *brake) wait(p place, now time.Time) time.Duration {
	pair, address, user := b.keys(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := max(b.pairs.wait(pair, now), b.addresses.wait(address, now))
	if _, known := b.places[pair]; !known {
		wait = max(wait, b.users.wait(user, now))
	}
	return wait
}

// failed counts a wrong password.
func (b *brake) failed(p place, now time.Time) {
	pair, address, user := b.keys(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pairs.add(pair, now)
	b.addresses.add(address, now)
	b.users.add(user, now)
}

// repeated counts a password that was wrong at a place before, and is how long there is
// to wait until the next time counts.
func (b *brake) repeated(p place, password [sha256.Size]byte, now time.Time) time.Duration {
	p.address = network(p.address)
	key := maphash.Comparable(b.seed, struct {
		place
		password [sha256.Size]byte
	}{p, password})
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.repeats.wait(key, now)
	if wait == 0 {
		b.repeats.add(key, now)
	}
	return wait
}

// passed remembers a place, and forgives what failed there.
func (b *brake) passed(p place) {
	pair, _, _ := b.keys(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pairs.counts, pair)
	if len(b.places) >= mostCounted {
		for other := range b.places {
			delete(b.places, other)
			break
		}
	}
	b.places[pair] = struct{}{}
}

func (b *brake) keys(p place) (pair, address, user uint64) {
	p.address = network(p.address)
	return maphash.Comparable(b.seed, p), maphash.String(b.seed, p.address), maphash.String(b.seed, p.user)
}

// network is what one guesser has of addresses: one of IPv4, a /64 of IPv6.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || !a.Unmap().Is6() {
		return address
	}
	prefix, _ := a.Prefix(64) // a.Is6
	return prefix.String()
}

// left is what has not faded of a count.
func (c *counts) left(key uint64, now time.Time) float64 {
	n := c.counts[key]
	return max(0, n.failures-float64(now.Sub(n.at))/float64(c.fade))
}

func (c *counts) wait(key uint64, now time.Time) time.Duration {
	n, ok := c.counts[key]
	if !ok || n.failures <= c.free {
		return 0
	}
	wait := float64(c.first) * math.Exp2(n.failures-c.free-1)
	return max(0, n.at.Add(time.Duration(min(wait, float64(c.last)))).Sub(now))
}

func (c *counts) add(key uint64, now time.Time) {
	failures := c.left(key, now) + 1
	if _, ok := c.counts[key]; !ok && len(c.counts) >= mostCounted {
		c.makeRoom(now)
	}
	c.counts[key] = count{failures, now}
}

// makeRoom forgets the least of a few that are picked at random, so that a
// flood of names does not wash away those that matter.
func (c *counts) makeRoom(now time.Time) {
	const few = 8
	var least uint64
	fewest, seen := math.Inf(1), 0
	for key := range c.counts {
		if left := c.left(key, now); left < fewest {
			least, fewest = key, left
		}
		if seen++; seen == few {
			break
		}
	}
	delete(c.counts, least)
}
