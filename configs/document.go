// Package configs reads YAML strictly and says everything that is wrong with
// it at once, each fault at its line and column.
//
// Parse makes a Document, a tree of Nodes. Node.Decode fills structs from it
// and refuses what they do not know. A struct declares its keys by tags,
//
//	Baud int `yaml:"baud" check:"min=50,max=4000000"`
//
// and its other rules in a method Validate, which blames a key with Bad.
// Nothing is opened while reading: secrets come from their files later.
package configs

import (
	"fmt"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// mostFaults bounds what one file can make us remember.
const mostFaults = 1000

// Document is one parsed file that collects what is wrong with it. It is not
// safe for concurrent use.
type Document struct {
	file   string
	lines  []string
	root   *Node
	lookup func(string) (string, bool)

	nodes   int                 // built so far
	anchors map[*yaml.Node]bool // being built

	faults  []Fault
	seen    map[Fault]bool // without their paths: an alias shows one place under many
	unsaid  int            // faults beyond mostFaults
	trouble int            // faults and their consequences
	secrets map[int]int    // lines not to be quoted from a column on
	fields  map[reflect.Type][]Field
}

// Parse parses the text of a file. It never fails: what is wrong stands in
// Faults. The file's name is for faults and for paths that are relative to it.
// A nil lookupEnv leaves ${NAME} as it is, otherwise its answers are filled in.
func Parse(file string, text []byte, lookupEnv func(string) (string, bool)) *Document {
	d := &Document{
		file:    file,
		lookup:  lookupEnv,
		anchors: map[*yaml.Node]bool{},
		seen:    map[Fault]bool{},
		secrets: map[int]int{},
		fields:  map[reflect.Type][]Field{},
	}
	d.root = &Node{doc: d, broken: true, place: place{1, 1}}
	content := d.load(text)
	if content == nil {
		return d
	}
	root := d.build(content, nil, "")
	if d.nodes > mostNodes {
		d.faults = nil
		d.fault(place{}, "", fmt.Sprintf("the file is too large: more than %d values, counting each alias in full", mostNodes))
		return d
	}
	d.root = root
	return d
}

// File is the name of the file, as faults have it.
func (d *Document) File() string { return d.file }

// Root is the whole file. It is never nil; that of a file that cannot be
// parsed decodes to nothing.
func (d *Document) Root() *Node { return d.root }

// Faults is what was found so far, in file order.
func (d *Document) Faults() Faults {
	faults := slices.Clone(d.faults)
	slices.SortStableFunc(faults, compareFaults)
	for i, f := range faults {
		faults[i].source = d.source(f.Line)
	}
	if d.unsaid > 0 {
		faults = append(faults, Fault{File: d.file, Text: fmt.Sprintf("%d more faults are not listed", d.unsaid)})
	}
	return faults
}

// Err is Faults as an error, nil if there are none.
func (d *Document) Err() error {
	if faults := d.Faults(); len(faults) > 0 {
		return faults
	}
	return nil
}

// fault remembers what is wrong at a place, once.
func (d *Document) fault(at place, path, text string) {
	d.trouble++
	f := Fault{File: d.file, Line: at.line, Column: at.column, Text: printable(cut(text, longestFault))}
	if d.seen[f] {
		return
	}
	if len(d.faults) >= mostFaults {
		d.unsaid++
		return
	}
	d.seen[f] = true
	f.Path = path
	d.faults = append(d.faults, f)
}

// source is a line of the file, up to the secret on it.
func (d *Document) source(line int) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	text := d.lines[line-1]
	column, hidden := d.secrets[line]
	if runes := []rune(text); hidden && column <= len(runes) {
		return string(runes[:column-1]) + secretMask
	}
	return text
}

// hide keeps a value from being quoted.
func (d *Document) hide(at place) {
	if column, hidden := d.secrets[at.line]; !hidden || at.column < column {
		d.secrets[at.line] = at.column
	}
}

// fieldsOf is Fields, remembered.
func (d *Document) fieldsOf(t reflect.Type) []Field {
	fields, ok := d.fields[t]
	if !ok {
		fields = Fields(t)
		d.fields[t] = fields
	}
	return fields
}
