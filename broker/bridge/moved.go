package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// place tells apart where messages go: the same server, under the same names.
func (b *Bridge) place() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", b.config.URL, b.config.Format)
	for _, r := range b.out {
		fmt.Fprintf(h, " %q %q", r.from, r.to)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// moved says whether that is another place than at the last connection. Then all
// states are told again, though the server knows us: what stands under the new names,
// nobody has told it.
func (b *Bridge) moved() bool {
	key, now := own(b.identity.Upstream)+"place", b.place()
	before := string(b.keeper.Get(key))
	if before == now {
		return false
	}
	if err := b.keeper.Put(key, []byte(now)); err != nil {
		b.log.Warn("where messages go is not kept", "error", err)
	}
	return before != ""
}
