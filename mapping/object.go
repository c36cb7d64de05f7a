package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// mostObject is the bytes of the longest object; more are refused unread.
const mostObject = 16 << 10

// member is a name and a value of a JSON object.
type member struct{ name, value string }

// parseObject reads exactly one flat JSON object, in its order. Values of all
// types become text, which points read as they read plain payloads.
func parseObject(payload []byte) ([]member, error) {
	if len(payload) > mostObject {
		return nil, fmt.Errorf("%d bytes are too long for an object of values: send at most %d at a time", len(payload), mostObject)
	}
	no := errors.New(`the payload is no JSON object such as {"setpoint":60}`)
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return nil, no
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, no
	}
	var members []member
	seen := make(map[string]bool)
	for d.More() {
		m, err := parseMember(d)
		if err != nil {
			return nil, err
		}
		if seen[m.name] {
			return nil, fmt.Errorf("%s is given twice", quote(m.name))
		}
		seen[m.name] = true
		members = append(members, m)
	}
	if members == nil {
		return nil, errors.New("the object names no point")
	}
	return members, nil
}

// parseMember reads the next member of an object that is known to be valid.
func parseMember(d *json.Decoder) (member, error) {
	key, _ := d.Token()
	name, _ := key.(string)
	value, _ := d.Token()
	switch v := value.(type) {
	case string:
		return member{name, v}, nil
	case json.Number:
		return member{name, v.String()}, nil
	case bool:
		return member{name, strconv.FormatBool(v)}, nil
	}
	return member{}, fmt.Errorf("%s: the value must be a bool, a number or a text", quote(name))
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s { // what is no UTF-8 comes as U+FFFD
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
