package configs

import (
	"encoding"
	"errors"
	"reflect"
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

// storePointer stores in what v points to if that is a struct, else in
// something new: a copied default would show through the old one.
func (n *Node) storePointer(v reflect.Value, check Check) bool {
	if v.Type().Elem().Kind() == reflect.Struct && !v.IsNil() {
		return n.value(v.Elem(), check)
	}
	fresh := newValue(v.Type().Elem())
	if !n.value(fresh, check) {
		return false
	}
	v.Set(fresh.Addr())
	return true
}

// newValue is an addressable value of a type with its defaults.
func newValue(t reflect.Type) reflect.Value {
	fresh := reflect.New(t)
	if d, ok := fresh.Interface().(Defaulter); ok {
		d.SetDefaults()
	}
	return fresh.Elem()
}

func (n *Node) storeSections(into *Sections, check Check) bool {
	if n.kind != Null && !n.is(Mapping) {
		return false
	}
	*into = sections(n.layers())
	ok := true
	for _, s := range *into {
		if check.Name && !isName(s.Name) {
			n.doc.fault(s.key, s.Path(), notName(s.Name))
			ok = false
		}
	}
	return ok
}

func (n *Node) storeList(v reflect.Value, check Check) bool {
	list := reflect.MakeSlice(v.Type(), 0, len(n.items))
	ok := true
	for _, item := range n.items {
		fresh := newValue(v.Type().Elem())
		ok = item.value(fresh, check.each()) && ok
		list = reflect.Append(list, fresh)
	}
	if !ok || !n.length(len(n.items), "entries", check) {
		return false
	}
	v.Set(list)
	return true
}

func (n *Node) storeMap(v reflect.Value, check Check) bool {
	m := reflect.MakeMap(v.Type())
	ok := true
	for _, k := range n.keys {
		written := &Node{doc: k.doc, parent: n, name: k.name, kind: Scalar, place: k.key, text: k.Name}
		key, fresh := newValue(v.Type().Key()), newValue(v.Type().Elem())
		switch {
		case !written.value(key, check.each()):
			ok = false
		case m.MapIndex(key).IsValid():
			ok = written.fail("stands here a second time, written in another way")
		default:
			ok = k.value(fresh, Check{}) && ok
			m.SetMapIndex(key, fresh)
		}
	}
	if !ok || !n.length(len(n.keys), "entries", check) {
		return false
	}
	v.Set(m)
	return true
}

// validate calls the Validate method of a value and adds what it finds.
func (n *Node) validate(v reflect.Value) bool {
	checked, ok := v.Addr().Interface().(interface{ Validate() error })
	if !ok {
		return true
	}
	err := checked.Validate()
	n.blame(err)
	return err == nil
}

// blame adds each of the faults that an error joins.
func (n *Node) blame(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range joined.Unwrap() {
			n.blame(each)
		}
		return
	}
	var bad *KeyError
	if errors.As(err, &bad) {
		n.Bad(bad.Key, "%s", bad.Text)
		return
	}
	n.Bad("", "%s", err)
}

// length checks the number of a text's characters or a list's entries.
func (n *Node) length(length int, of string, check Check) bool {
	if low, ok := check.bound(check.Min); ok && float64(length) < low {
		return n.fail("has %d %s; the least is %s", length, of, check.Min)
	}
	if high, ok := check.bound(check.Max); ok && float64(length) > high {
		return n.fail("has %d %s; the most is %s", length, of, check.Max)
	}
	return true
}
