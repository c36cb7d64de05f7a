package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a Node is.
type Kind uint8

// The kinds of nodes. Null is a key without a value: it counts as missing.
const (
	Null Kind = iota
	Scalar
	List
	Mapping
)

// String is the kind in the words of faults.
func (k Kind) String() string {
	return [...]string{"empty", "a single value", "a list", "a section with keys"}[k]
}

// place is a position in a file; both count from 1, columns in characters.
type place struct{ line, column int }

// Node is a place in a document: a mapping, a list or a scalar. A section that
// was put together from several layers is one Node, too.
type Node struct {
	doc    *Document
	parent *Node
	name   string // in its parent: "parity", "[2]"
	kind   Kind
	place        // where faults point: the value, or its key if it starts on another line
	key    place // where the key stands
	origin place // where the text stands: elsewhere for an alias, or a value on another line
	text   string
	keys   []Named // of a mapping, in file order
	items  []*Node // of a list
	under  *Node   // the layer below
	depth  int
	broken bool // a fault is known; what follows from it is not said
}

// Kind says what the node is.
func (n *Node) Kind() Kind { return n.kind }

// Line is where faults of the node point, from 1.
func (n *Node) Line() int { return n.line }

// Column is where faults of the node point, from 1, in characters.
func (n *Node) Column() int { return n.column }

// Path is the keys that lead to the node: broker.listen[1].url.
func (n *Node) Path() string {
	if n.parent == nil {
		return n.name
	}
	return joinPath(n.parent.Path(), n.name)
}

func joinPath(path, name string) string {
	if path == "" || name == "" || strings.HasPrefix(name, "[") {
		return path + name
	}
	return path + "." + name
}

// Has says whether the mapping has the key, with a value.
func (n *Node) Has(key string) bool { return n.get(key).given() }

// Text is the scalar under the key, so that one can look at a key ("driver")
// before one knows what to decode into. It fails where there is none.
func (n *Node) Text(key string) (string, bool) {
	child := n.get(key)
	if child == nil || child.kind != Scalar || child.broken {
		return "", false
	}
	return child.text, true
}

// Bad adds a fault of the value under a key, or of the node itself if the key
// is empty. The key may lead deeper ("write.min", "listen[1].url"). Where it is
// not written, the fault goes to what stands nearest above.
func (n *Node) Bad(key, format string, args ...any) {
	at, path := n.find(key)
	at.doc.fault(at.place, path, fmt.Sprintf(format, args...))
}

// find is the node that a key leads to, as far as it is written, and the path
// of the key.
func (n *Node) find(key string) (at *Node, path string) {
	at, path = n, n.Path()
	for key != "" {
		var step string
		step, key = cutStep(key)
		next := at.step(step)
		if next == nil {
			return at, joinPath(joinPath(path, step), key)
		}
		at, path = next, next.Path()
	}
	return at, path
}

// cutStep takes the first step off a key: "a" of "a.b" and "a[1]", "[1]" of "[1].b".
func cutStep(key string) (step, rest string) {
	end := strings.IndexAny(key[1:], ".[") + 1
	if end == 0 {
		return key, ""
	}
	return key[:end], strings.TrimPrefix(key[end:], ".")
}

func (n *Node) step(name string) *Node {
	if !strings.HasPrefix(name, "[") {
		return n.get(name)
	}
	i, err := strconv.Atoi(strings.Trim(name, "[]"))
	if err != nil || i < 0 || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}
