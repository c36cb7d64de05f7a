package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
	"regexp"
	"slices"
)

// digest stands for all that a value says, behind pointers too, so that two
// readings of a file can be compared part by part. It is taken before the part
// is used, because drivers keep things in their sections.
type digest [sha256.Size]byte

func digestOf(v any) digest {
	w := digester{sha256.New(), map[uintptr]int{}}
	w.value(reflect.ValueOf(v))
	return digest(w.hash.Sum(nil))
}

// digester walks through one value.
type digester struct {
	hash hash.Hash
	seen map[uintptr]int // pointers, by when they were met: there may be rings
}

func (w *digester) text(s string) {
	w.number(uint64(len(s)))
	w.hash.Write([]byte(s))
}

func (w *digester) number(n uint64) {
	w.hash.Write(binary.LittleEndian.AppendUint64(nil, n))
}

func (w *digester) value(v reflect.Value) {
	if !v.IsValid() {
		w.text("nothing")
		return
	}
	w.text(v.Type().String())
	switch v.Kind() {
	case reflect.Pointer:
		w.pointer(v)
	case reflect.Interface:
		w.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.value(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		w.number(uint64(v.Len()))
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	case reflect.Map:
		w.table(v)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		// Code and what runs are nobody's configuration.
	default:
		w.text(fmt.Sprint(v))
	}
}

func (w *digester) pointer(v reflect.Value) {
	at := v.Pointer()
	first, met := w.seen[at]
	switch {
	case v.IsNil():
		w.text("nil")
	case met:
		w.number(uint64(first))
	case v.Type() == reflect.TypeFor[*regexp.Regexp]():
		w.text(fmt.Sprint(v.Elem().Field(0))) // the expression
	default:
		w.seen[at] = len(w.seen)
		w.value(v.Elem())
	}
}

// table adds a map, whose order is none. What its values point to is looked at
// for each by itself.
func (w *digester) table(v reflect.Value) {
	var entries []string
	for it := v.MapRange(); it.Next(); {
		one := digester{sha256.New(), map[uintptr]int{}}
		one.value(it.Key())
		one.value(it.Value())
		entries = append(entries, string(one.hash.Sum(nil)))
	}
	slices.Sort(entries)
	w.number(uint64(len(entries)))
	for _, e := range entries {
		w.text(e)
	}
}
