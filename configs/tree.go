package configs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds of a tree, which aliases could make as large as they like.
const (
	mostDepth = 32
	mostNodes = 250_000
)

// build makes our node of the parser's, and all below it. Aliases become what
// they stand for, ${NAME} its value.
func (d *Document) build(y *yaml.Node, parent *Node, name string) *Node {
	n := &Node{doc: d, parent: parent, name: name, place: place{y.Line, y.Column}}
	n.key = n.place
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	n.origin = place{y.Line, y.Column}
	if d.anchors[y] {
		n.refuse("contains itself")
		return n
	}
	if y.Anchor != "" {
		d.anchors[y] = true
		defer delete(d.anchors, y)
	}
	if parent != nil {
		n.depth = parent.depth + 1
	}
	d.nodes++
	switch {
	case n.depth > mostDepth:
		n.refuse("nested too deeply")
	case y.Style&yaml.TaggedStyle != 0:
		n.refuse("tags such as %s are not understood; delete it", y.Tag)
	case y.Kind == yaml.MappingNode:
		n.kind = Mapping
		n.buildKeys(y)
	case y.Kind == yaml.SequenceNode:
		n.kind = List
		n.buildItems(y)
	case y.Style == 0 && strings.ContainsAny(firstOf(y.Value), typographic):
		n.refuse("%s is no quote to a program, but a letter; write \" or '", firstOf(y.Value))
	case y.Tag != "!!null":
		n.kind = Scalar
		n.expand(y.Value)
	}
	return n
}

// typographic are the quotes that word processors and phones make of plain ones.
const typographic = "“”„‟‘’‚‛«»"

// firstOf is the first character of a text.
func firstOf(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// refuse adds a fault of the node and gives the node up.
func (n *Node) refuse(format string, args ...any) {
	n.broken = true
	n.kind = max(n.kind, Scalar)
	n.doc.fault(n.place, n.Path(), fmt.Sprintf(format, args...))
}

func (n *Node) buildItems(y *yaml.Node) {
	for i, item := range y.Content {
		if n.doc.nodes > mostNodes {
			return
		}
		n.items = append(n.items, n.doc.build(item, n, "["+strconv.Itoa(i)+"]"))
	}
}

func (n *Node) buildKeys(y *yaml.Node) {
	written := map[string]int{} // lines
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content) && n.doc.nodes <= mostNodes; i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		at := place{y.Content[i].Line, y.Content[i].Column}
		line, twice := written[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			n.doc.fault(at, n.Path(), "a key must be a word")
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case twice:
			n.doc.fault(at, joinPath(n.Path(), pathName(key.Value)), fmt.Sprintf("stands here a second time; the first is on line %d", line))
		default:
			written[key.Value] = at.line
			n.addKey(key.Value, at, value)
		}
	}
	for _, y := range merged {
		n.merge(y, written)
	}
}

// addKey appends a key. Faults of its value point at the value, unless that
// begins on another line: then the key is what one looks for.
func (n *Node) addKey(name string, at place, value *yaml.Node) {
	child := n.doc.build(value, n, pathName(name))
	child.key = at
	if child.line != at.line || child.kind == Null {
		child.place = at
	}
	n.keys = append(n.keys, Named{Name: name, Node: child})
}

// merge takes over the keys of "<<: *other" that are not written yet.
func (n *Node) merge(y *yaml.Node, written map[string]int) {
	if y.Kind == yaml.SequenceNode {
		for _, each := range y.Content {
			n.merge(each, written)
		}
		return
	}
	other := n.doc.build(y, n, "<<")
	if other.kind != Mapping && !other.broken {
		n.doc.fault(other.place, other.Path(), "must name a section with keys, such as *defaults")
	}
	for _, k := range other.keys {
		if _, twice := written[k.Name]; !twice {
			written[k.Name] = k.key.line
			k.parent = n
			n.keys = append(n.keys, k)
		}
	}
}
