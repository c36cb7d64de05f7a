package serial

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"fieldmq/drivers"
)

// template is a command, with a place for the value or without.
type template struct {
	before, after []byte
	format        string // of package fmt; empty if there is no place
}

// valueSlot finds the place of the value: {}, {%05.1f}, {%03d}, {%X}, {%-8s}.
const valueSlot = `\{(%[-+ 0]*\d{0,2}(?:\.\d)?[dfxXs])?\}`

var errSlots = errors.New("has more than one place for the value")

// template parses the command.
func (a *Address) template() (*template, error) {
	text := a.device.bytes(a.Command)
	places := regexp.MustCompile(valueSlot).FindAllSubmatchIndex(text, -1)
	switch i := bytes.Index(text, []byte("{%")); {
	case len(places) > 1:
		return nil, errSlots
	case len(places) == 0 && i >= 0:
		return nil, fmt.Errorf("%s is no format such as {%%05.1f}, {%%03d}, {%%X} or {%%-8s}", quote(string(text[i:])))
	case len(places) == 0:
		return &template{before: text}, nil
	}
	p := places[0]
	t := &template{before: text[:p[0]], after: text[p[1]:], format: "%s"}
	if p[2] >= 0 {
		t.format = string(text[p[2]:p[3]])
	}
	return t, nil
}

// command is what is sent to write a value. It refuses values that the format
// has no form for, and texts that would end the command.
func (t *template) command(a *Address, v drivers.Value) ([]byte, error) {
	if t.format == "" {
		return t.before, nil
	}
	word, err := t.word(a, v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", drivers.ErrRefused, err)
	}
	return append(append(bytes.Clone(t.before), word...), t.after...), nil
}

func (t *template) word(a *Address, v drivers.Value) (string, error) {
	if v.Kind() == drivers.KindNone || (v.Kind() == drivers.KindText) != (a.Kind() == drivers.KindText) {
		return "", fmt.Errorf("%s is not a %s", quote(v.String()), a.Kind())
	}
	switch t.format[len(t.format)-1] {
	case 'f':
		return fmt.Sprintf(t.format, v.Float()), nil
	case 'd', 'x', 'X':
		if v.Float() != math.Trunc(v.Float()) {
			return "", fmt.Errorf("%s is not a whole number", v)
		}
		if v.Kind() == drivers.KindUint {
			return fmt.Sprintf(t.format, v.Uint()), nil
		}
		return fmt.Sprintf(t.format, v.Int()), nil
	}
	return t.plain(a, v)
}

// plain is the value in its own words.
func (t *template) plain(a *Address, v drivers.Value) (string, error) {
	text := v.String()
	switch a.kind() {
	case "bool":
		text = a.boolWord(v.Bool())
	case "hex":
		text = fmt.Sprintf("%X", v.Int())
	case "string":
		if text != printable(text) {
			return "", fmt.Errorf("%s has control characters", quote(text))
		}
	}
	if a.Decimal == "comma" && a.Kind() == drivers.KindFloat {
		text = strings.Replace(text, ".", ",", 1)
	}
	return fmt.Sprintf(t.format, text), nil
}

func (a *Address) boolWord(v bool) string {
	switch {
	case v && a.TrueIs != "":
		return a.TrueIs
	case !v && a.FalseIs != "":
		return a.FalseIs
	case v:
		return "1"
	}
	return "0"
}
