package gen

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"fieldmq/configs"
)

// model makes keys and shapes of structs, and collects what it cannot describe.
type model struct {
	source *Source
	errs   []error
}

// section is the general keys of a section. Each field of type configs.Sections
// must have its Section, and the other way round.
func (m *model) section(section Section) []key {
	keys := m.keys(section.Structs)
	var names []string
	for _, k := range keys {
		if k.shape.kind == named {
			names = append(names, k.name)
		}
	}
	for _, sub := range section.Sections {
		i := slices.Index(names, sub.Key)
		if i < 0 {
			m.errs = append(m.errs, fmt.Errorf("no field of type configs.Sections has the key %s", sub.Key))
			continue
		}
		names = slices.Delete(names, i, i+1)
	}
	for _, name := range names {
		m.errs = append(m.errs, fmt.Errorf("the key %s has no Section", name))
	}
	return keys
}

// keys are the keys of structs that share a section.
func (m *model) keys(structs []any) []key {
	var keys []key
	for _, s := range structs {
		keys = append(keys, m.structKeys(fill(reflect.ValueOf(s)))...)
	}
	return keys
}

func (m *model) structKeys(v reflect.Value) []key {
	var keys []key
	for _, f := range configs.Fields(v.Type()) {
		field := v.Field(f.Index)
		if f.Inline {
			keys = append(keys, m.structKeys(fill(field))...)
			continue
		}
		doc, err := m.source.Field(v.Type(), f.Name)
		if err != nil {
			m.errs = append(m.errs, err)
		}
		k := key{name: f.Key, doc: doc, required: f.Check.Required, shape: m.shape(field, f.Check)}
		if !k.required && !tooLow(field, f.Check.Min) {
			k.preset = preset(field)
		}
		keys = append(keys, k)
	}
	return keys
}

// fill follows pointers and interfaces; behind a nil pointer stands a value
// with its defaults.
func fill(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			v = reflect.New(v.Type().Elem())
			if d, ok := v.Interface().(configs.Defaulter); ok {
				d.SetDefaults()
			}
		}
		v = v.Elem()
	}
	return v
}

func (m *model) shape(v reflect.Value, check configs.Check) shape {
	if v.Type() == reflect.TypeFor[*configs.Node]() {
		return shape{kind: anything}
	}
	v = fill(v)
	switch value := v.Addr().Interface().(type) {
	case *configs.Sections:
		return shape{kind: named, check: check}
	case *configs.Secret:
		return shape{kind: secret}
	case *configs.Duration:
		return shape{kind: span, check: check}
	case *configs.Size:
		return shape{kind: size, check: check}
	case configs.Union:
		return m.union(value.ConfigForms(), check)
	case configs.Unmarshaler:
		m.errs = append(m.errs, fmt.Errorf("%v reads itself and needs a method ConfigForms that says what", v.Type()))
		return shape{}
	case encoding.TextUnmarshaler:
		return shape{kind: text}
	}
	return m.plain(v, check)
}

// plain is the shape of what has no methods of its own.
func (m *model) plain(v reflect.Value, check configs.Check) shape {
	switch {
	case v.Kind() == reflect.Bool:
		return shape{kind: boolean}
	case v.Kind() == reflect.String:
		return shape{kind: text, check: check}
	case v.CanFloat():
		return shape{kind: number, check: check}
	case v.CanInt(), v.CanUint():
		return integerShape(v.Type(), check)
	case v.Kind() == reflect.Struct:
		return shape{kind: object, keys: m.structKeys(v)}
	case v.Kind() == reflect.Slice:
		each := m.element(v.Type().Elem(), configs.Check{OneOf: check.OneOf, Name: check.Name})
		return shape{kind: list, check: check, each: &each}
	case v.Kind() == reflect.Map:
		each := m.element(v.Type().Elem(), configs.Check{})
		return shape{kind: dict, check: check, each: &each, numeric: v.Type().Key().Kind() != reflect.String}
	}
	m.errs = append(m.errs, fmt.Errorf("cannot describe a field of type %v", v.Type()))
	return shape{}
}

// element is the shape of a new entry of a list or map.
func (m *model) element(t reflect.Type, check configs.Check) shape {
	return m.shape(reflect.New(t), check)
}

// integerShape leaves out bounds that are only those of the machine.
func integerShape(t reflect.Type, check configs.Check) shape {
	s := shape{kind: integer, check: check}
	low, high := configs.IntegerBounds(t, check)
	machine := t.Kind() == reflect.Int || t.Kind() == reflect.Uint || t.Bits() == 64
	if !machine || check.Min != "" {
		s.low = low.String()
	}
	if !machine || check.Max != "" {
		s.high = high.String()
	}
	return s
}

// union is the shape of what has several forms. Its words become one of them.
func (m *model) union(forms []any, check configs.Check) shape {
	words := shape{kind: text}
	var others []shape
	for _, form := range forms {
		if w, ok := form.(string); ok && w != "" {
			words.check.OneOf = append(words.check.OneOf, w)
			continue
		}
		copied := reflect.New(reflect.TypeOf(form)).Elem()
		copied.Set(reflect.ValueOf(form))
		others = append(others, m.shape(copied, check))
	}
	switch {
	case len(others) == 0:
		return words
	case len(words.check.OneOf) == 0:
		return shape{kind: choices, forms: others}
	}
	return shape{kind: choices, forms: append([]shape{words}, others...)}
}

// tooLow says whether a default is none that a file could say: it stands for a
// key that is not there.
func tooLow(field reflect.Value, least string) bool {
	low, err := strconv.ParseInt(least, 10, 64)
	return err == nil && field.CanInt() && field.Int() < min(low, 0)
}

// preset is a default as JSON has it, nil where nothing is the default. The
// zero of a number or text mostly says that there is none.
func preset(v reflect.Value) any {
	v = reflect.Indirect(v)
	if !v.IsValid() || v.Kind() != reflect.Bool && v.IsZero() {
		return nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		written, err := m.MarshalText()
		if err != nil || len(written) == 0 {
			return nil
		}
		return string(written)
	}
	switch v.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Interface()
	case reflect.Slice:
		return presets(v)
	}
	return nil
}

func presets(v reflect.Value) any {
	var all []any
	for i := range v.Len() {
		each := preset(v.Index(i))
		if each == nil {
			return nil
		}
		all = append(all, each)
	}
	return all
}

// err is all that could not be described.
func (m *model) err() error { return errors.Join(m.errs...) }
