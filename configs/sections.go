package configs

import (
	"slices"
	"strings"
)

// Named is a section under its name.
type Named struct {
	Name string
	*Node
}

// Sections is a field that takes a mapping of named sections, in file order,
// for the caller to decode. A section that stands in several layers is one
// node of all of them.
type Sections []Named

// Proper says whether the name is one that check=names lets pass.
func (n Named) Proper() bool { return isName(n.Name) }

// Has says whether there is a section of that name.
func (s Sections) Has(name string) bool {
	return slices.ContainsFunc(s, func(n Named) bool { return n.Name == name })
}

// Nearest ends a fault about a name that is not there with the one that was
// perhaps meant: `; did you mean "panel"?`. It is empty where none is near.
func (s Sections) Nearest(name string) string {
	names := make([]string, len(s))
	for i, n := range s {
		names[i] = n.Name
	}
	return didYouMean(name, names)
}

// sections gathers the sections of all layers in the order in which their
// names come first.
func sections(layers []*Node) Sections {
	g := gathered{index: map[string]int{}}
	for _, layer := range layers {
		g.ranged = map[string]bool{}
		g.plain = map[string]bool{}
		for _, k := range layer.keys {
			each, ranged := k.expand()
			for _, s := range each {
				g.add(s, ranged)
			}
		}
	}
	return g.found
}

// gathered are sections by their names.
type gathered struct {
	found         Sections
	index         map[string]int
	ranged, plain map[string]bool // in the layer at hand
}

// add adds a section to those of its name that lie below it. In one layer, what
// has its own name lies above what a range makes.
func (g *gathered) add(s Named, ranged bool) {
	i, known := g.index[s.Name]
	switch {
	case ranged && g.ranged[s.Name]:
		s.doc.fault(s.key, s.Path(), "two ranges make "+quote(s.Name))
		return
	case !known:
		g.index[s.Name] = len(g.found)
		g.found = append(g.found, s)
	case ranged && g.plain[s.Name]:
		g.found[i].Node = stack([]*Node{s.Node, g.found[i].Node})
	default:
		g.found[i].Node = stack([]*Node{g.found[i].Node, s.Node})
	}
	if ranged {
		g.ranged[s.Name] = true
	} else {
		g.plain[s.Name] = true
	}
}

// isName says whether a text may be part of a topic and of a file's name.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != ""
}

// notName says what is wrong with a name, and what would do.
func notName(s string) string {
	if name, _, glued := strings.Cut(s, ":"); glued && isName(name) {
		return quote(s) + " is not a name; a blank is missing behind " + quote(name+":")
	}
	text := quote(s) + " is not a name; use a-z, 0-9, - and _, and begin with a letter or digit"
	better := strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case isName(string(r)), r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s), "-_")
	if isName(better) {
		text += ", such as " + better
	}
	return text
}
