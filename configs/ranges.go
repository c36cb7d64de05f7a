package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// A section whose name holds a range stands for many: meter-{1..8} for meter-1
// to meter-8, and pump-{east,west} for two. Ranges in its values give each its
// own: unit: {1..8}, or name: "Meter {1..8}"; {0..14..2} counts in steps. All
// ranges of a section are of one length. A section of its own name adds to what
// the range says of it.

// mostRange bounds how many sections one may stand for.
const mostRange = 1000

// span is a range that was found in a text: its values, and where it stands.
type span struct {
	before, after string
	values        []string
}

// at is the text with the value of one place in the row.
func (s span) at(i int) string { return s.before + s.values[i] + s.after }

// findSpan looks for the first range in a text. A list such as {a,b} counts if
// lists says so: braces mean other things in expressions. ok is false if there
// is none.
func findSpan(text string, lists bool) (s span, ok bool, err error) {
	for from := 0; ; {
		open := strings.IndexByte(text[from:], '{')
		if open < 0 {
			return span{}, false, nil
		}
		open += from
		length := strings.IndexByte(text[open:], '}')
		if length < 0 {
			return span{}, false, nil
		}
		inside := text[open+1 : open+length]
		values, err := spanValues(inside, lists)
		if err != nil || values != nil {
			return span{text[:open], text[open+length+1:], values}, values != nil, err
		}
		from = open + 1
	}
}

// spanValues are the values that stand in braces, nil if that is no range.
func spanValues(inside string, lists bool) ([]string, error) {
	parts := strings.Split(inside, "..")
	if len(parts) == 2 || len(parts) == 3 {
		return counted(parts)
	}
	if !lists || !strings.Contains(inside, ",") || len(inside) > 10*mostRange {
		return nil, nil
	}
	values := strings.Split(inside, ",")
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	return values, nil
}

// counted are the numbers of first..last..step, up or down, as wide as the
// wider end if one has zeros in front.
func counted(parts []string) ([]string, error) {
	var numbers [3]int
	numbers[2] = 1
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n > 1e9 || n < -1e9 {
			return nil, nil // the dots mean something else
		}
		numbers[i] = n
	}
	first, last, step := numbers[0], numbers[1], numbers[2]
	if step < 1 {
		return nil, fmt.Errorf("{%s} has a step of %d; write one above 0", strings.Join(parts, ".."), step)
	}
	count := abs(last-first)/step + 1
	if count > mostRange {
		return nil, fmt.Errorf("{%s} stands for %d sections; the most is %d", strings.Join(parts, ".."), count, mostRange)
	}
	if last < first {
		step = -step
	}
	width := 0
	if padded(parts[0]) || padded(parts[1]) {
		width = max(len(strings.TrimSpace(parts[0])), len(strings.TrimSpace(parts[1])))
	}
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%0*d", width, first+i*step)
	}
	return values, nil
}

func padded(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) > 1 && s[0] == '0'
}

func abs(n int) int { return max(n, -n) }

// expand is a section for each value of the range in its name, or the section
// itself.
func (k Named) expand() (sections []Named, ranged bool) {
	names, ok, err := findSpan(k.Name, true)
	switch {
	case err != nil:
		k.doc.fault(k.key, k.Path(), err.Error())
		return nil, true
	case !ok:
		return []Named{k}, false
	}
	for i := range names.values {
		c := copier{name: k.Name, i: i, n: len(names.values)}
		copied := c.node(k.Node, k.parent)
		copied.name = pathName(names.at(i))
		sections = append(sections, Named{Name: names.at(i), Node: copied})
		if k.doc.nodes > mostNodes {
			k.doc.fault(k.key, k.Path(), "stands for too many values")
			return nil, true
		}
	}
	return sections, true
}

// copier copies a section with the values of one place in the row.
type copier struct {
	name string // of the section
	i, n int
}

func (c copier) node(n, parent *Node) *Node {
	copied := *n
	copied.parent = parent
	n.doc.nodes++
	if text, ok := n.flow(); ok {
		copied.kind, copied.text, copied.keys = Scalar, text, nil
	}
	if copied.kind == Scalar {
		copied.text = c.text(&copied)
		return &copied
	}
	copied.keys, copied.items = nil, nil
	for _, k := range n.keys {
		if _, ranged, _ := findSpan(k.Name, true); ranged { // its ranges are its own
			copied.keys = append(copied.keys, k)
			continue
		}
		copied.keys = append(copied.keys, Named{Name: k.Name, Node: c.node(k.Node, &copied)})
	}
	for _, item := range n.items {
		copied.items = append(copied.items, c.node(item, &copied))
	}
	return &copied
}

// flow is a range as YAML reads it without quotes: {1..8} and {a, b} are
// sections with keys that have no values.
func (n *Node) flow() (text string, ok bool) {
	if n.kind != Mapping || len(n.keys) == 0 {
		return "", false
	}
	names := make([]string, len(n.keys))
	for i, k := range n.keys {
		if k.kind != Null {
			return "", false
		}
		names[i] = k.Name
	}
	if len(names) == 1 && !strings.Contains(names[0], "..") {
		return "", false
	}
	return "{" + strings.Join(names, ",") + "}", true
}

// text is a value with all ranges in it replaced. A list stands for the whole
// value.
func (c copier) text(n *Node) string {
	text := n.text
	for {
		whole := strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}")
		s, ok, err := findSpan(text, whole)
		switch {
		case err != nil:
			n.refuse("%v", err)
			return text
		case !ok:
			return text
		case len(s.values) != c.n:
			n.refuse("has %d values, and %s stands for %d sections", len(s.values), c.name, c.n)
			return text
		}
		text = s.at(c.i)
	}
}
