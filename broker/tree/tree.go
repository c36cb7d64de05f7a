// Package tree knows who wants which topic, and what is retained.
//
// A Tree holds subscriptions, shared ones included. Whoever takes a topic is
// found once and remembered until a subscription changes, so that a lookup on
// the way of a message takes no lock and allocates nothing. A Retained holds
// the last message of each topic. Both are safe for concurrent use.
package tree

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"fieldmq/broker/mqtt"
)

// Options are what a subscription asks for.
type Options struct {
	QoS               mqtt.QoS
	NoLocal           bool   // not what the subscriber published itself
	RetainAsPublished bool   // keep the retain flag
	ID                uint32 // subscription identifier, 0: none
}

// Receiver is a subscriber that takes a topic. Where several of its
// subscriptions do, they are one delivery with the highest QoS and all
// identifiers. [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4]
type Receiver[S comparable] struct {
	Subscriber S
	Delivery
	// Own is the delivery if the subscriber itself is the publisher; nil if it
	// wants none. [MQTT-3.8.3-3]
	Own     *Delivery
	noLocal bool
}

// Delivery is how a message goes to a receiver.
type Delivery struct {
	QoS               mqtt.QoS
	RetainAsPublished bool
	IDs               []uint32
}

// Match is who takes a topic. It is shared: nobody changes it.
type Match[S comparable] struct {
	Topic     string
	Receivers []Receiver[S]
	Groups    []*Group[S] // one member of each takes the message
}

// Tree holds the subscriptions of subscribers S. The zero value is not ready;
// use New.
type Tree[S comparable] struct {
	remembered atomic.Pointer[memory[S]] // nil after a change

	mu     sync.Mutex // guards what follows, and the setting of remembered
	root   *node[S]
	count  int
	shared int // of count
}

// node is one level of topic filters.
type node[S comparable] struct {
	children map[string]*node[S]
	plain    map[S]Options
	groups   map[string]*Group[S] // by share name
}

// New makes an empty tree.
func New[S comparable]() *Tree[S] { return &Tree[S]{root: &node[S]{}} }

// Len is the number of subscriptions.
func (t *Tree[S]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Shared is how many of the subscriptions are shared ones.
func (t *Tree[S]) Shared() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shared
}

// Subscribe adds a subscription to a valid filter, or replaces the one of the
// same subscriber and filter. It says whether it is new. [MQTT-3.8.4-3]
func (t *Tree[S]) Subscribe(s S, f mqtt.Filter, o Options) (isNew bool) {
	share, filter := f.Split()
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.remembered.Store(nil)
	n := t.root
	for rest, more := string(filter), true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		n = n.child(level)
	}
	if share != "" {
		isNew = n.join(share, f, s, o)
	} else {
		isNew = n.subscribe(s, o)
	}
	if isNew {
		t.count++
	}
	if isNew && share != "" {
		t.shared++
	}
	return isNew
}

func (n *node[S]) child(level string) *node[S] {
	c := n.children[level]
	if c == nil {
		c = &node[S]{}
		if n.children == nil {
			n.children = map[string]*node[S]{}
		}
		n.children[strings.Clone(level)] = c
	}
	return c
}

func (n *node[S]) subscribe(s S, o Options) (isNew bool) {
	_, known := n.plain[s]
	if n.plain == nil {
		n.plain = map[S]Options{}
	}
	n.plain[s] = o
	return !known
}

func (n *node[S]) join(share string, f mqtt.Filter, s S, o Options) (isNew bool) {
	g := n.groups[share]
	if g == nil {
		g = &Group[S]{Filter: f, turn: new(atomic.Uint32)}
		if n.groups == nil {
			n.groups = map[string]*Group[S]{}
		}
	}
	g, isNew = g.with(s, o)
	n.groups[share] = g
	return isNew
}

// Unsubscribe takes a subscription away and says whether there was one.
func (t *Tree[S]) Unsubscribe(s S, f mqtt.Filter) bool {
	share, filter := f.Split()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.root.remove(s, share, string(filter), true) {
		return false
	}
	t.remembered.Store(nil)
	t.count--
	if share != "" {
		t.shared--
	}
	return true
}

// remove takes a subscription out of the levels below n, and then the nodes
// that nobody needs any more.
func (n *node[S]) remove(s S, share, rest string, more bool) (found bool) {
	if !more {
		return n.leave(s, share)
	}
	level, rest, more := strings.Cut(rest, "/")
	c := n.children[level]
	if c == nil {
		return false
	}
	found = c.remove(s, share, rest, more)
	if len(c.children) == 0 && len(c.plain) == 0 && len(c.groups) == 0 {
		delete(n.children, level)
	}
	return found
}

func (n *node[S]) leave(s S, share string) (found bool) {
	if share == "" {
		_, found = n.plain[s]
		delete(n.plain, s)
		return found
	}
	g := n.groups[share]
	if g == nil {
		return false
	}
	left, found := g.without(s)
	if len(left.Members) == 0 {
		delete(n.groups, share)
	} else {
		n.groups[share] = left
	}
	return found
}

// Match says who takes a valid topic.
func (t *Tree[S]) Match(topic []byte) *Match[S] {
	if m := t.remembered.Load(); m != nil {
		if found := m.recall(topic); found != nil {
			return found
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.search(string(topic))
	m := t.remembered.Load()
	if m == nil || m.full() {
		m = newMemory[S]()
		t.remembered.Store(m)
	}
	m.keep(found)
	return found
}

// search walks all filters that match the topic. A wildcard in the first level
// does not take "$" topics. [MQTT-4.7.2-1]
func (t *Tree[S]) search(topic string) *Match[S] {
	w := walk[S]{match: &Match[S]{Topic: topic}}
	if strings.HasPrefix(topic, "$") {
		level, rest, more := strings.Cut(topic, "/")
		w.down(t.root.children[level], rest, more)
	} else {
		w.down(t.root, topic, true)
	}
	w.finish()
	return w.match
}

// walk collects what takes one topic.
type walk[S comparable] struct {
	match *Match[S]
	found []found[S]
}

type found[S comparable] struct {
	subscriber S
	options    Options
}

func (w *walk[S]) down(n *node[S], rest string, more bool) {
	if n == nil {
		return
	}
	w.take(n.children["#"]) // the level above "#" matches too [MQTT-4.7.1-2]
	if !more {
		w.take(n)
		return
	}
	level, rest, more := strings.Cut(rest, "/")
	w.down(n.children[level], rest, more)
	w.down(n.children["+"], rest, more)
}

func (w *walk[S]) take(n *node[S]) {
	if n == nil {
		return
	}
	for s, o := range n.plain {
		w.found = append(w.found, found[S]{s, o})
	}
	for _, g := range n.groups {
		w.match.Groups = append(w.match.Groups, g)
	}
}

// finish joins what one subscriber gets through several subscriptions.
func (w *walk[S]) finish() {
	slices.SortFunc(w.match.Groups, func(a, b *Group[S]) int { return cmp.Compare(a.Filter, b.Filter) })
	index := make(map[S]int, len(w.found))
	receivers := make([]Receiver[S], 0, len(w.found))
	for _, f := range w.found {
		i, known := index[f.subscriber]
		if !known {
			i = len(receivers)
			index[f.subscriber] = i
			receivers = append(receivers, Receiver[S]{Subscriber: f.subscriber})
		}
		receivers[i].add(f.options)
		receivers[i].noLocal = receivers[i].noLocal || f.options.NoLocal
	}
	for i := range receivers {
		r := &receivers[i]
		r.Own = &r.Delivery
		if r.noLocal {
			r.Own = w.own(r.Subscriber)
		}
	}
	w.match.Receivers = receivers
}

// own joins only those subscriptions that want what the subscriber publishes.
func (w *walk[S]) own(s S) (own *Delivery) {
	for _, f := range w.found {
		if f.subscriber != s || f.options.NoLocal {
			continue
		}
		if own == nil {
			own = &Delivery{}
		}
		own.add(f.options)
	}
	return own
}

func (d *Delivery) add(o Options) {
	d.QoS = max(d.QoS, o.QoS) // [MQTT-3.3.4-2]
	d.RetainAsPublished = d.RetainAsPublished || o.RetainAsPublished
	if o.ID != 0 {
		d.IDs = append(d.IDs, o.ID)
		slices.Sort(d.IDs)
	}
}
