// Package gen writes the JSON Schema and the reference of a configuration from
// the structs that read it: their yaml and check tags, the defaults they hold
// and the comments on their fields.
package gen

import "fieldmq/configs"

// Section is the whole file, or what stands under each name in a field of type
// configs.Sections.
type Section struct {
	// Key is the field's key in the section above; empty for the whole file.
	Key string
	// Title heads the section in the reference.
	Title string
	// Doc is a paragraph or more of Markdown.
	Doc string
	// Structs are pointers to the structs that share the section, with their
	// defaults filled in.
	Structs []any
	// By is the key that chooses one of Choices, such as "driver". Where it is
	// empty, something else decides, and the keys of all may stand.
	By string
	// Choices are structs of which some sections have one and some another.
	Choices []Choice
	// Sections are what stands in fields of type configs.Sections, in the
	// order of the reference.
	Sections []Section
}

// Choice is the keys that belong to one driver.
type Choice struct {
	Name    string // the word of the key By
	Doc     string
	Structs []any // as in Section
}

// key is one key of a section.
type key struct {
	name     string
	doc      string
	required bool
	shape    shape
	preset   any // the default for JSON: a scalar or a list of them; nil: none
}

// kind is what may be written as a value.
type kind uint8

const (
	anything kind = iota
	boolean
	integer
	number
	text
	secret
	span
	size
	list    // of each
	dict    // a mapping of own keys to each
	object  // a mapping of keys
	named   // a mapping of names to a Section
	choices // any of forms
)

// shape is what may be written as a value, for schema and reference alike.
type shape struct {
	kind    kind
	check   configs.Check
	low     string // bounds of an integer, empty where they are only the machine's
	high    string
	numeric bool // the keys of a dict are integers
	each    *shape
	keys    []key
	forms   []shape
}

// objects are the keys that values have themselves, for each form that has some.
func (s shape) objects() [][]key {
	switch s.kind {
	case object:
		return [][]key{s.keys}
	case list, dict:
		return s.each.objects()
	case choices:
		var all [][]key
		for _, form := range s.forms {
			all = append(all, form.objects()...)
		}
		return all
	}
	return nil
}
