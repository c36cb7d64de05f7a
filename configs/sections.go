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
	var found Sections
	index := map[string]int{}
	for _, layer := range layers {
		for _, k := range layer.keys {
			i, known := index[k.Name]
			if known {
				found[i].Node = stack([]*Node{found[i].Node, k.Node})
				continue
			}
			index[k.Name] = len(found)
			found = append(found, k)
		}
	}
	return found
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
