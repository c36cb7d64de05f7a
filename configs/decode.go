package configs

import (
	"encoding"
	"reflect"
	"strings"
)

// Unmarshaler reads itself from a node, such as a key that is either true or a
// section. It looks at Kind, calls Decode for what it finds and Bad for what
// it cannot use. A Validate method is called afterwards, as for any other.
type Unmarshaler interface {
	UnmarshalConfig(n *Node)
}

// Union is implemented by types that take several forms, for the schema and the
// reference; the reader has no use for it. A form is an example: a text that is
// not empty is a word to be written as it is, any other value stands for its
// type, with the defaults that it holds.
type Union interface {
	ConfigForms() []any
}

// Defaulter fills in what a new entry of a list, of a map or behind a nil
// pointer has before it is read.
type Defaulter interface {
	SetDefaults()
}

// Any is a target of Decode that takes every key the other targets do not
// know, and keeps none. It is for sections of which one must not say more.
const Any anyKeys = 0

type anyKeys uint8

// Decode stores the node in what into points to. Several targets share a
// mapping: they are structs, and each key must belong to one of them. What is
// not written, or null, leaves its field as it is.
//
// Fields have yaml tags, and check tags for rules (see Check). A field may be a
// bool, a number, a text, an encoding.TextUnmarshaler, a Secret, a pointer to
// one of them (nil: not written), a struct or a pointer to one (read in place
// if it is not nil), a slice, a map with keys of text or integers, Sections, a
// *Node, an Unmarshaler, or an interface that holds a pointer to any of these.
// Anything else is a bug, and panics.
//
// At last Validate is called, if there is one and nothing was wrong with the
// keys of its struct.
func (n *Node) Decode(into ...any) {
	targets := make([]reflect.Value, 0, len(into))
	open := false
	for _, target := range into {
		if target == Any {
			open = true
			continue
		}
		targets = append(targets, reflect.ValueOf(target).Elem())
	}
	if len(targets) == 1 && !open {
		n.value(targets[0], Check{})
		return
	}
	n.section(targets, open)
}

// Decode is Node.Decode for a section that stands in several places. The
// layers are merged key by key, the last one counts most. Unknown keys are
// faults of their own layer; what is missing is a fault of the last one.
func Decode(layers []*Node, into ...any) {
	stack(layers).Decode(into...)
}

// fail adds a fault of the node; it returns false for the caller to return.
func (n *Node) fail(format string, args ...any) bool {
	n.Bad("", format, args...)
	return false
}

// is says whether the node is of a kind, and adds a fault if it is not.
func (n *Node) is(kind Kind) bool {
	if n.kind == Null {
		return n.fail("is empty; write a value")
	}
	if text, ok := n.flow(); ok && n.kind != kind && strings.Contains(text, "..") {
		return n.fail("is the range %s; a range needs one in the name of its section too, such as meter-{1..8}", text)
	}
	return n.kind == kind || n.fail("must be %s, not %s", kind, n.kind)
}

// trouble counts the faults that the node's documents know of.
func (n *Node) trouble() int {
	count := 0
	for layer := n; layer != nil; layer = layer.under {
		count += layer.doc.trouble
	}
	return count
}

// value stores the node in v and checks it. Like all that store, it returns
// false if there is a fault, which is said by then; v is then as before, but
// for structs and what reads itself.
func (n *Node) value(v reflect.Value, check Check) bool {
	if n.broken {
		n.doc.trouble++
		return false
	}
	if ok, special := n.storeSpecial(v, check); special {
		return ok && n.validate(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return n.storePointer(v, check)
	case reflect.Interface:
		return n.value(v.Elem().Elem(), check)
	case reflect.Struct:
		return n.section([]reflect.Value{v}, false)
	}
	return n.store(v, check) && n.validate(v)
}

// storeSpecial stores in the types that are ours or read themselves.
func (n *Node) storeSpecial(v reflect.Value, check Check) (ok, special bool) {
	switch target := v.Addr().Interface().(type) {
	case **Node:
		*target = n
		return true, true
	case *Sections:
		return n.storeSections(target, check), true
	case *Secret:
		return n.storeSecret(target), true
	case Unmarshaler:
		before := n.trouble()
		target.UnmarshalConfig(n)
		return n.trouble() == before, true
	case encoding.TextUnmarshaler:
		return n.is(Scalar) && n.storeText(v, check), true
	}
	return false, false
}

func (n *Node) store(v reflect.Value, check Check) bool {
	switch v.Kind() {
	case reflect.Slice:
		return n.is(List) && n.storeList(v, check)
	case reflect.Map:
		return n.is(Mapping) && n.storeMap(v, check)
	}
	return n.is(Scalar) && n.storeScalar(v, check)
}
