package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// codec turns what a device says into the plain text of a value, and back.
type codec interface {
	// encode appends the text of a raw value to b. The error says in a few
	// words why there is none.
	encode(b []byte, raw drivers.Value) ([]byte, error)
	// decode is the raw value of a text from outside. The error says what is
	// wrong with the text.
	decode(text string) (drivers.Value, error)
}

// codecAt is the codec of a point at a place, whose rule is valid and fits it.
func codecAt(at drivers.Address, r *Rule) codec {
	c := newCodec(at.Kind(), r)
	n, ok := c.(*number)
	if !ok {
		return c
	}
	if bounded, ok := at.(drivers.Bounded); ok && n.whole {
		n.limits.hold(bounded.Bounds())
	}
	if rounder, ok := at.(drivers.Rounder); ok {
		n.rounded = rounder.Rounded
	}
	return c
}

// newCodec is the codec of values of a kind.
func newCodec(kind drivers.Kind, r *Rule) codec {
	switch {
	case len(r.Enum) > 0:
		return newEnum(r.Enum)
	case len(r.Flags) > 0:
		return newFlags(r.Flags)
	case kind == drivers.KindBool:
		return boolean{invert: r.Invert}
	case kind == drivers.KindText:
		return text{}
	}
	return newNumber(kind, r)
}

// boolean is the codec of a bool.
type boolean struct{ invert bool }

func (c boolean) encode(b []byte, raw drivers.Value) ([]byte, error) {
	if raw.Kind() != drivers.KindBool {
		return b, fmt.Errorf("%s is no bool", quote(raw.String()))
	}
	return strconv.AppendBool(b, raw.Bool() != c.invert), nil
}

func (c boolean) decode(s string) (drivers.Value, error) {
	word := strings.TrimSpace(s)
	v, ok := configs.ParseBool(word)
	if !ok && word != "1" && word != "0" {
		return drivers.Value{}, fmt.Errorf("%s is neither true nor false", quote(s))
	}
	return drivers.Bool((v || word == "1") != c.invert), nil
}

// text is the codec of texts, which go through as they are.
type text struct{}

// encode mends what is no UTF-8, because the payload is declared to be. [MQTT-3.3.2-4]
func (text) encode(b []byte, raw drivers.Value) ([]byte, error) {
	return append(b, strings.ToValidUTF8(raw.String(), "\uFFFD")...), nil
}

func (text) decode(s string) (drivers.Value, error) {
	if !utf8.ValidString(s) {
		return drivers.Value{}, errors.New("the text is no UTF-8")
	}
	return drivers.Text(s), nil
}

// quote shows a text from outside in an error: on one line and not too long.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.Quote(s)
}
