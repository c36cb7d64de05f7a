package bridge

import (
	"strconv"
	"strings"
	"sync"
)

// replies carry answers back. A request from upstream names a response topic
// there; here it gets one of its own, upstream/<name>/reply/<n>, and what is
// published on that goes to the topic that was named. Nothing else can be
// reached that way, and only the last few requests are remembered.
type replies struct {
	prefix string

	mu    sync.Mutex
	count uint64
	last  [1024]string // by number modulo its length
}

func newReplies(name string) *replies { return &replies{prefix: own(name) + "reply/"} }

// ownRoot is where the topics begin that bridges have for themselves in the
// broker here. They never cross a bridge.
const ownRoot = "upstream/"

// own is where those of one bridge begin.
func own(name string) string { return ownRoot + name + "/" }

// lend is the topic here for an answer to a topic there.
func (r *replies) lend(there string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.last[r.count%uint64(len(r.last))] = there
	return r.prefix + strconv.FormatUint(r.count, 10)
}

// find is the topic there; ok is false for one that is not lent, or too long ago.
func (r *replies) find(here string) (there string, ok bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(here, r.prefix), 10, 64)
	if err != nil {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n == 0 || n > r.count || r.count-n >= uint64(len(r.last)) {
		return "", false
	}
	return r.last[n%uint64(len(r.last))], true
}
