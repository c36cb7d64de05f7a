package tree

import (
	"slices"
	"strings"
	"sync"

	"fieldmq/broker/mqtt"
)

// Retained holds one M for each topic. The zero value is ready.
type Retained[M any] struct {
	mu     sync.RWMutex
	root   branch[M]
	topics map[string]*branch[M] // of those that hold something
}

// branch is one level of topic names.
type branch[M any] struct {
	parent   *branch[M]
	level    string
	children map[string]*branch[M]
	holding[M]
}

// holding is what a topic holds; an empty topic says that it is nothing.
type holding[M any] struct {
	topic string
	value M
}

// Len is the number of topics that hold something.
func (r *Retained[M]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.topics)
}

// Get returns what the topic holds.
func (r *Retained[M]) Get(topic string) (v M, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if b := r.topics[topic]; b != nil {
		return b.value, true
	}
	return v, false
}

// Put keeps v as what the topic holds, but refuses a topic that would be one
// more than limit.
func (r *Retained[M]) Put(topic string, v M, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.topics[topic]
	if b == nil {
		if len(r.topics) >= limit {
			return false
		}
		b = r.grow(topic)
	}
	b.value = v
	return true
}

func (r *Retained[M]) grow(topic string) *branch[M] {
	b := &r.root
	for rest, more := topic, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		b = b.child(level)
	}
	b.topic = topic
	if r.topics == nil {
		r.topics = map[string]*branch[M]{}
	}
	r.topics[topic] = b
	return b
}

func (b *branch[M]) child(level string) *branch[M] {
	c := b.children[level]
	if c == nil {
		c = &branch[M]{parent: b, level: level}
		if b.children == nil {
			b.children = map[string]*branch[M]{}
		}
		b.children[level] = c
	}
	return c
}

// Delete empties the topic.
func (r *Retained[M]) Delete(topic string) {
	r.deleteIf(topic, func(M) bool { return true })
}

// DeleteFunc empties all topics that hold what is so. Others may be used
// meanwhile.
func (r *Retained[M]) DeleteFunc(is func(M) bool) {
	r.mu.RLock()
	var found []string
	for topic, b := range r.topics {
		if is(b.value) {
			found = append(found, topic)
		}
	}
	r.mu.RUnlock()
	for _, topic := range found {
		r.deleteIf(topic, is)
	}
}

func (r *Retained[M]) deleteIf(topic string, is func(M) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.topics[topic]
	if b == nil || !is(b.value) {
		return
	}
	delete(r.topics, topic)
	b.holding = holding[M]{}
	for b.parent != nil && b.topic == "" && len(b.children) == 0 {
		delete(b.parent.children, b.level)
		b = b.parent
	}
}

// Match returns what the topics that a filter takes hold, in order of topics.
func (r *Retained[M]) Match(f mqtt.Filter) []M {
	found := r.find(f)
	slices.SortFunc(found, func(a, b holding[M]) int { return strings.Compare(a.topic, b.topic) })
	values := make([]M, len(found))
	for i := range found {
		values[i] = found[i].value
	}
	return values
}

func (r *Retained[M]) find(f mqtt.Filter) (found []holding[M]) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.root.match(string(f), true, func(b *branch[M]) { found = append(found, b.holding) })
	return found
}

// match takes what is below b. Wildcards of the first level do not take "$"
// topics. [MQTT-4.7.2-1]
func (b *branch[M]) match(filter string, first bool, take func(*branch[M])) {
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#":
		b.all(first, take)
	case "+":
		for name, c := range b.children {
			if !first || !strings.HasPrefix(name, "$") {
				c.next(rest, more, take)
			}
		}
	default:
		if c := b.children[level]; c != nil {
			c.next(rest, more, take)
		}
	}
}

// next goes on with the rest of a filter whose level was b's.
func (b *branch[M]) next(rest string, more bool, take func(*branch[M])) {
	switch {
	case more:
		b.match(rest, false, take)
	case b.topic != "":
		take(b)
	}
}

// all takes b and all below it. [MQTT-4.7.1-2]
func (b *branch[M]) all(first bool, take func(*branch[M])) {
	if b.topic != "" {
		take(b)
	}
	for name, c := range b.children {
		if !first || !strings.HasPrefix(name, "$") {
			c.all(false, take)
		}
	}
}
