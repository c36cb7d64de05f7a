package modbus

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Call is a request that no table has: a function code of the maker's own, or
// one of the standard with data that the tables do not give.
type Call struct {
	// Function is the function code, 1 to 127.
	Function int `yaml:"function" check:"required,min=1,max=127"`
	// Data are the bytes behind the function code, in hexadecimal: 00 02 55 00.
	// In a point that is written, {value} stands for the registers of the value.
	// Default none.
	Data CallData `yaml:"data"`
	// Answer is how many bytes the device answers behind the function code, or
	// echo if it repeats the request. Default echo where the point is written,
	// else what the value needs.
	Answer CallAnswer `yaml:"answer"`
	// At is the byte of the answer, from 0 behind the function code, with which
	// the value begins. Default 0.
	At int `yaml:"at" check:"min=0,max=250"`
}

// Validate finds what no frame can carry.
func (c *Call) Validate() error {
	if n := len(c.Data.before) + len(c.Data.after); 1+n > maxPDU {
		return configs.Bad("data", "%d bytes are more than the %d that a request can carry", n, maxPDU-1)
	}
	return nil
}

// String is "function 0x42 data 00 01".
func (c *Call) String() string {
	s := fmt.Sprintf("function 0x%02X", c.Function)
	if text := c.Data.String(); text != "" {
		s += " data " + text
	}
	return s
}

// id tells the calls of a device apart where tables have the first register.
func (c *Call) id() int {
	h := fnv.New32a()
	fmt.Fprint(h, c, c.At)
	return int(h.Sum32() >> 1)
}

// request asks for a value of so many bytes, or hands raw over.
func (c *Call) request(raw []byte, bytes int, write bool) *pdu {
	p := newPDU(byte(c.Function), c.Data.with(raw))
	p.shape = &shape{length: c.Answer.length, echo: c.Answer.echo}
	if c.Answer.given {
		if c.Answer.echo {
			p.shape.length = len(p.Data)
		}
		return p
	}
	if p.shape.length = c.At + bytes; write {
		p.shape = &shape{length: len(p.Data), echo: true}
	}
	return p
}

// part is the value's bytes in an answer, nil if the answer is too short.
func (c *Call) part(answer []byte, bytes int) []byte {
	if len(answer) < c.At+bytes {
		return nil
	}
	return answer[c.At : c.At+bytes]
}

// CallData are bytes with a place for a value.
type CallData struct {
	before, after []byte
	value         bool // {value} stands between them
}

const valueMark = "{value}"

// UnmarshalText reads "00 01 {value}".
func (d *CallData) UnmarshalText(text []byte) error {
	before, after, value := strings.Cut(string(text), valueMark)
	first, err := unspaced(before)
	if err != nil {
		return fmt.Errorf("%q is not bytes in hexadecimal such as 00 02 55 00, with at most one %s", text, valueMark)
	}
	second, err := unspaced(after)
	if err != nil {
		return fmt.Errorf("%q is not bytes in hexadecimal such as 00 02 55 00, with at most one %s", text, valueMark)
	}
	*d = CallData{before: first, after: second, value: value}
	return nil
}

func unspaced(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}

// MarshalText writes String.
func (d CallData) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the bytes in hexadecimal, with blanks between them.
func (d CallData) String() string {
	var parts []string
	if len(d.before) > 0 {
		parts = append(parts, fmt.Sprintf("% X", d.before))
	}
	if d.value {
		parts = append(parts, valueMark)
	}
	if len(d.after) > 0 {
		parts = append(parts, fmt.Sprintf("% X", d.after))
	}
	return strings.Join(parts, " ")
}

func (d CallData) with(raw []byte) []byte {
	data := append([]byte{}, d.before...)
	if d.value {
		data = append(data, raw...)
	}
	return append(data, d.after...)
}

// CallAnswer is the length of an answer, or echo.
type CallAnswer struct {
	length      int
	echo, given bool
}

// UnmarshalText reads a number of bytes or echo.
func (a *CallAnswer) UnmarshalText(text []byte) error {
	if string(text) == "echo" {
		*a = CallAnswer{echo: true, given: true}
		return nil
	}
	n, err := number(string(text))
	if err != nil || n > maxPDU-1 {
		return fmt.Errorf("%q is not echo, or a number of bytes from 0 to %d", text, maxPDU-1)
	}
	*a = CallAnswer{length: int(n), given: true}
	return nil
}

// ConfigForms are a number or a word.
func (CallAnswer) ConfigForms() []any { return []any{0, "echo"} }

// MarshalText writes what was read.
func (a CallAnswer) MarshalText() ([]byte, error) {
	switch {
	case !a.given:
		return nil, nil
	case a.echo:
		return []byte("echo"), nil
	}
	return strconv.AppendInt(nil, int64(a.length), 10), nil
}

// validateCall finds what does not go with a request of the maker's own.
func (a *Address) validateCall() error {
	if a.Call == nil {
		return nil
	}
	bytes, most := 2*a.Count(), maxPDU-1
	switch c := a.Call; {
	case c.Data.value && len(c.Data.with(make([]byte, bytes))) > most:
		return configs.Bad("call.data", "is too long with the %d bytes of the value", bytes)
	case c.Answer.given && !c.Answer.echo && !c.Data.value && c.Answer.length > 0 && c.At > 0 && c.At+bytes > c.Answer.length:
		return configs.Bad("call.at", "the %d bytes of %s from %d on are not in an answer of %d", bytes, a.ValueType(), c.At, c.Answer.length)
	case c.At+bytes > most:
		return configs.Bad("call.at", "the %d bytes of %s from %d on are beyond the longest answer", bytes, a.ValueType(), c.At)
	}
	return nil
}

// succeedCall decodes the answer to a call.
func (r *reading) succeedCall(i int, answer answer) {
	a := at(r.points[i])
	s := drivers.Sample{Point: r.points[i], Time: answer.at}
	raw := a.Call.part(answer.data, 2*a.Count())
	if raw == nil {
		s.Err = fmt.Errorf("%w: the answer has %d bytes, and the value ends with the %dth",
			drivers.ErrNoValue, len(answer.data), a.Call.At+2*a.Count())
	} else {
		s.Value, s.Err = decode(a, raw)
	}
	r.samples[i] = s
	if r.raw != nil {
		r.raw[i] = raw
	}
}
