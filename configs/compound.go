package configs

import "reflect"

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
			s.doc.fault(s.key, s.Path(), notName(s.Name))
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
