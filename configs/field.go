package configs

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Field is a key as a struct declares it. The reader and the generator of
// schema and reference both go by it.
type Field struct {
	Key    string // empty where Inline
	Name   string // of the struct's field
	Index  int    // of the struct's field
	Type   reflect.Type
	Inline bool // the keys of the field's struct stand beside those of this one
	Check  Check
	Aka    []string // what other programs call it, for those who come from there
}

// isSecret says whether a sibling key may name a file instead.
func (f Field) isSecret() bool { return f.Type == reflect.TypeFor[Secret]() }

// Check is the rules that a check tag gives a key:
//
//	required    the key must be written
//	min=, max=  bounds of a number, a span, a size; of the length of a text or list
//	oneof=a|b   the words to choose from
//	name        the text must be a name, [a-z0-9][a-z0-9_-]*
//	names       the keys of a mapping must be names
type Check struct {
	Required bool
	Min, Max string // as written in YAML, empty for none
	OneOf    []string
	Name     bool
	Note     string // what is said beside a number that is out of bounds, by a note tag
}

// Fields are the keys that a struct type declares by yaml tags, in order, with
// what other programs call them by aka tags. It
// panics for tags that it does not know.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		key, option, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		inline := option == "inline"
		if key == "-" || key == "" && !inline {
			continue
		}
		fields = append(fields, Field{
			Key:    key,
			Name:   sf.Name,
			Index:  i,
			Type:   sf.Type,
			Inline: inline,
			Check:  parseCheck(t, sf),
			Aka:    strings.Fields(sf.Tag.Get("aka")),
		})
	}
	return fields
}

func parseCheck(t reflect.Type, sf reflect.StructField) Check {
	c := Check{Note: sf.Tag.Get("note")}
	tag := sf.Tag.Get("check")
	if tag == "" {
		return c
	}
	for rule := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(rule, "=")
		switch name {
		case "required":
			c.Required = true
		case "min":
			c.Min = value
		case "max":
			c.Max = value
		case "oneof":
			c.OneOf = strings.Split(value, "|")
		case "name", "names":
			c.Name = true
		default:
			panic(fmt.Sprintf("configs: %v.%s: unknown check %q", t, sf.Name, rule))
		}
	}
	return c
}

// note is what a fault about bounds ends with.
func (c Check) note() string {
	if c.Note == "" {
		return ""
	}
	return "; " + c.Note
}

// each is what a check of a list or map says of its entries and keys.
func (c Check) each() Check { return Check{OneOf: c.OneOf, Name: c.Name} }

// bound is a bound as a number; it fails where there is none.
func (c Check) bound(text string) (f float64, ok bool) {
	if text == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	must(err)
	return f, true
}

// must panics for a bound that is not written like a value of its field.
func must(err error) {
	if err != nil {
		panic("configs: bound of a check: " + err.Error())
	}
}
