package configs

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// section is one mapping on its way into the structs that share it.
type section struct {
	*Node
	parts []*part
	slots []slot
	names []string // of the keys, in order
	known map[string]Field
	aka   map[string][]string // keys by what other programs call them
	meant map[string]bool     // of keys that a slip of the finger stands for
}

// part is one of the structs, or one that is inline in it. A fault of its keys
// spoils it: Validate would find but consequences.
type part struct {
	value   reflect.Value
	outer   *part // it is inline in
	spoiled bool
}

func (p *part) spoil() {
	for ; p != nil; p = p.outer {
		p.spoiled = true
	}
}

// slot is a key, and the field for its value.
type slot struct {
	Field
	value reflect.Value
	part  *part
}

// section stores a mapping in structs. If it is open, other keys may stand in
// it.
func (n *Node) section(targets []reflect.Value, open bool) bool {
	if n.broken || n.kind != Null && !n.is(Mapping) {
		n.doc.trouble++
		return false
	}
	s := &section{Node: n, known: map[string]Field{}, aka: map[string][]string{}, meant: map[string]bool{}}
	for _, target := range targets {
		s.add(target, nil)
	}
	ok := open || s.refuseUnknown()
	for _, slot := range s.slots {
		s.read(slot)
	}
	return s.validate() && ok
}

// validate calls the Validate methods of the structs that have no fault yet.
func (s *section) validate() bool {
	ok := true
	for _, p := range s.parts {
		if !p.spoiled && !s.Node.validate(p.value) {
			p.spoil()
		}
		ok = ok && !p.spoiled
	}
	return ok
}

// add lists the keys of a struct, and before it those that are inline, so that
// they are validated first.
func (s *section) add(v reflect.Value, outer *part) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	p := &part{value: v, outer: outer}
	for _, f := range s.doc.fieldsOf(v.Type()) {
		field := v.Field(f.Index)
		if f.Inline {
			s.add(accessible(field), p)
			continue
		}
		s.slots = append(s.slots, slot{Field: f, value: field, part: p})
		s.know(f.Key, f)
		for _, word := range f.Aka {
			s.aka[word] = append(s.aka[word], f.Key)
		}
		if f.isSecret() {
			s.know(f.Key+fileSuffix, f)
		}
	}
	s.parts = append(s.parts, p)
}

// accessible is a field whose methods can be called even if its type, and so
// the embedded field, is not exported.
func accessible(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

func (s *section) know(key string, f Field) {
	if _, twice := s.known[key]; !twice {
		s.names = append(s.names, key)
	}
	s.known[key] = f
}

// refuseUnknown adds a fault for each key that no struct has.
func (s *section) refuseUnknown() bool {
	ok := true
	for layer := s.Node; layer != nil; layer = layer.under {
		for _, k := range layer.keys {
			if _, known := s.known[k.Name]; known {
				continue
			}
			ok = false
			text, meant := s.explainUnknown(k)
			k.doc.fault(k.key, k.Path(), text)
			s.meant[s.known[meant].Key] = true
		}
	}
	return ok
}

// explainUnknown says what to write instead of a key, and which key was
// perhaps meant.
func (s *section) explainUnknown(k Named) (text, meant string) {
	const few = 8
	if key, _, glued := strings.Cut(k.Name, ":"); glued && slices.Contains(s.names, key) {
		return "unknown key; a blank is missing behind its colon", key
	}
	if keys := s.aka[k.Name]; len(keys) > 0 {
		return "unknown key; here it is " + list(keys, "or"), keys[0]
	}
	meant = nearest(k.Name, s.names)
	switch {
	case meant != "":
		if s.known[meant].isSecret() {
			k.doc.hide(k.place)
		}
		return "unknown key" + didYouMean(k.Name, s.names), meant
	case !k.given() && isDigits(k.Name):
		return "unknown key; in braces a comma begins another key, and decimals stand behind a point: 0.1", ""
	case len(s.names) > 0 && len(s.names) <= few:
		return "unknown key; write " + list(s.names, "or"), ""
	}
	return "unknown key", ""
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// read stores one key. A key that is only misspelt is not missing.
func (s *section) read(slot slot) {
	if s.meant[slot.Key] {
		slot.part.spoil()
	}
	if slot.isSecret() {
		s.readSecret(slot)
		return
	}
	child := s.get(slot.Key)
	switch {
	case !child.given():
		s.require(slot, "is missing")
	case !child.value(slot.value, slot.Check):
		slot.part.spoil()
	}
}

func (s *section) require(slot slot, text string) {
	if !slot.Check.Required || s.meant[slot.Key] {
		return
	}
	s.Bad(slot.Key, "%s", text)
	slot.part.spoil()
}

// readSecret stores a key or its sibling that names a file, whichever stands
// in the uppermost layer that has one.
func (s *section) readSecret(slot slot) {
	var found *Node
	var inFile bool
	for _, layer := range s.layers() {
		text, file := layer.own(slot.Key), layer.own(slot.Key+fileSuffix)
		if text.given() {
			found, inFile = text, false
		}
		if file.given() {
			found, inFile = file, true
		}
		if text.given() && file.given() {
			file.Bad("", "stands beside %s; keep one of them", slot.Key)
			slot.part.spoil()
		}
	}
	if found == nil {
		s.require(slot, "is missing; write it, or "+slot.Key+fileSuffix)
		return
	}
	var secret Secret
	if !found.value(reflect.ValueOf(&secret).Elem(), Check{}) {
		slot.part.spoil()
		return
	}
	if inFile && !secret.IsZero() {
		secret = secretIn(found.beside(secret.held.text))
	}
	slot.value.Set(reflect.ValueOf(secret))
}

// beside is a path as seen from the node's file.
func (n *Node) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(n.doc.file), path)
}
