// Package access decides who may connect to the broker, and who may publish and
// subscribe to what: by a file of users and a list of rules.
//
// Passwords are checked against slow hashes, a few at a time; what was checked
// once is remembered in a form that is of no use elsewhere, so that clients
// that come back cost next to nothing. Guessing is slowed; so is a wrong password that
// comes again, but by itself, for it is no guess.
package access

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Control is the access to one broker. All methods may be called from many
// goroutines.
type Control struct {
	now      atomic.Pointer[policy]
	verifier verifier
	brake    brake
}

// policy is what holds at a time. It never changes; a new one takes its place.
type policy struct {
	users *Users
	rules Rules
}

var (
	_ broker.Access = (*Control)(nil)
	_ broker.Teller = (*Control)(nil)
)

// New makes a Control. Without users (nil) everybody counts as anonymous who
// brings no certificate that names a user. Without rules (nil) those who are
// let in may do all, but for topics that begin with $ where they come from
// elsewhere than this machine; of those only broker.BridgeState is theirs.
func New(users *Users, rules Rules) *Control {
	c := &Control{verifier: newVerifier(), brake: newBrake()}
	c.Set(users, rules)
	return c
}

// Set replaces users and rules. Those who are connected keep what they have
// until the broker reviews them.
func (c *Control) Set(users *Users, rules Rules) { c.now.Store(&policy{users, rules}) }

// Run returns when ctx ends; clients that wait for their password to be checked
// are sent away then.
func (c *Control) Run(ctx context.Context) error {
	<-ctx.Done()
	close(c.verifier.closed)
	return nil
}

// Connect lets a client in. It sets the peer's user to the one that is proven:
// the common name of its certificate where the listener says so, the user whose
// password it has, or none.
func (c *Control) Connect(p *broker.Peer, password []byte) packet.Reason {
	now := c.now.Load()
	login := &login{}
	p.Rights = login // as Recall has it
	switch {
	case p.CertUser && p.Cert != "":
		p.User = p.Cert
		return packet.Success
	case p.User != "" && now.users != nil:
		r, hash := c.authenticate(now.users, p, password)
		login.hash = hash
		return r
	case p.Anonymous:
		p.User = ""
		return packet.Success
	case p.User != "":
		return packet.BadUserOrPassword
	}
	return packet.NotAuthorized
}

// Recall implements broker.Access.
func (c *Control) Recall(p *broker.Peer) { p.Rights = &login{} }

// authenticate checks a password. hash is the line that it fits.
func (c *Control) authenticate(users *Users, p *broker.Peer, password []byte) (r packet.Reason, hash string) {
	from := place{user: p.User, address: hostOf(p.Addr)}
	known, ok := users.byName[p.User]
	if !ok {
		known = users.nobody // takes as long, and fits no password
	}
	attempt := credential{user: p.User, password: password, stored: known}
	switch {
	case password == nil:
		return packet.BadUserOrPassword, ""
	case c.verifier.refused(attempt):
		if c.brake.repeated(from, c.verifier.digest(attempt), time.Now()) > 0 {
			return packet.ConnectionRate, ""
		}
		return packet.BadUserOrPassword, ""
	case c.brake.wait(from, time.Now()) > 0:
		return packet.ConnectionRate, ""
	case c.verifier.remembers(attempt):
		c.brake.passed(from)
		return packet.Success, known.text
	case !c.verifier.enter():
		return packet.ServerBusy, ""
	}
	defer c.verifier.leave()
	// Others from the same place may have failed while this one waited.
	if c.brake.wait(from, time.Now()) > 0 {
		return packet.ConnectionRate, ""
	}
	if !c.verifier.verify(attempt) {
		c.brake.failed(from, time.Now())
		return packet.BadUserOrPassword, ""
	}
	c.brake.passed(from)
	return packet.Success, known.text
}

// hostOf is an address without its port.
func hostOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// Stays says whether a client that was let in would still be: its user is
// there, with the password that it gave.
func (c *Control) Stays(p *broker.Peer) bool {
	l, ok := p.Rights.(*login)
	if !ok || l.hash == "" {
		return true
	}
	users := c.now.Load().users
	return users != nil && users.byName[p.User].text == l.hash
}

// MayPublish says whether the client may publish to the topic.
func (c *Control) MayPublish(p *broker.Peer, topic string) bool {
	g := c.grant(p)
	if g.all {
		return p.Local || !strings.HasPrefix(topic, "$") || broker.BridgeState.Match(topic)
	}
	return takes(g.publish, topic) && !takes(g.deny, topic)
}

// takes says whether one of the filters takes a topic.
func takes(filters []mqtt.Filter, topic string) bool {
	return slices.ContainsFunc(filters, func(f mqtt.Filter) bool { return f.Match(topic) })
}

// Denied are the filters of what the client never hears of.
func (c *Control) Denied(p *broker.Peer) []mqtt.Filter { return c.grant(p).deny }

// Publishable are the filters that the client may publish to.
func (c *Control) Publishable(p *broker.Peer) []mqtt.Filter {
	switch g := c.grant(p); {
	case !g.all:
		return g.publish
	case p.Local:
		return []mqtt.Filter{"#", "$CONTROL/#", broker.BridgeState}
	}
	return []mqtt.Filter{"#", broker.BridgeState}
}

// Subscribable are the filters that the client may subscribe to, and to all within.
func (c *Control) Subscribable(p *broker.Peer) []mqtt.Filter {
	switch g := c.grant(p); {
	case !g.all:
		return g.subscribe
	case p.Local:
		return []mqtt.Filter{"#", "$SYS/#"}
	}
	return []mqtt.Filter{"#"}
}

// MaySubscribe says whether the client may have all that the filter takes, but for
// what is denied.
func (c *Control) MaySubscribe(p *broker.Peer, filter mqtt.Filter) bool {
	g := c.grant(p)
	share, filter := filter.Split()
	for _, f := range g.deny {
		if within(f, filter) || share != "" && meet(f, filter) {
			return false
		}
	}
	if g.all {
		return p.Local || !strings.HasPrefix(string(filter), "$")
	}
	for _, f := range g.subscribe {
		if within(f, filter) {
			return true
		}
	}
	return false
}

// login is what the Control keeps with a client.
type login struct {
	hash  string // that its password fits; empty: it needed none
	grant atomic.Pointer[grant]
}

// grant is what one client may under a policy.
type grant struct {
	policy             *policy
	client             string // its identifier, which the broker may choose after Connect
	all                bool
	publish, subscribe []mqtt.Filter
	deny               []mqtt.Filter
}

// grant is remembered with the client until the policy changes.
func (c *Control) grant(p *broker.Peer) *grant {
	now := c.now.Load()
	l, ok := p.Rights.(*login)
	if !ok {
		return newGrant(now, p)
	}
	g := l.grant.Load()
	if g == nil || g.policy != now || g.client != p.ClientID {
		g = newGrant(now, p)
		l.grant.Store(g)
	}
	return g
}

func newGrant(now *policy, p *broker.Peer) *grant {
	g := &grant{policy: now, client: p.ClientID, all: now.rules == nil}
	if r := now.rules.find(p); r != nil {
		g.publish, g.subscribe, g.deny = resolve(r.Publish, p), resolve(r.Subscribe, p), resolveDenied(r.Deny, p)
	}
	return g
}
