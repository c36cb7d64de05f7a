package serial

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Bytes are bytes for the line, written as text with the escapes \r, \n, \t,
// \0, \\ and \x02, or as hex:02 31 0D.
type Bytes []byte

// UnmarshalText reads text with escapes, or hexadecimal digits after "hex:".
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, isHex := strings.CutPrefix(string(text), "hex:")
	if isHex {
		return (*Hex)(b).UnmarshalText([]byte(digits))
	}
	raw, err := unescape(string(text))
	if err == nil {
		*b = raw
	}
	return err
}

// MarshalText writes String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String is the text with escapes.
func (b Bytes) String() string {
	q := strconv.QuoteToASCII(string(b))
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// unescape resolves escapes one by one, so that \\r stays \r.
func unescape(text string) ([]byte, error) {
	var out []byte
	for {
		plain, rest, found := strings.Cut(text, `\`)
		out = append(out, plain...)
		if !found {
			return out, nil
		}
		length := 1
		if strings.HasPrefix(rest, "x") {
			length = 3
		}
		if len(rest) < length {
			return nil, fmt.Errorf(`%q ends within an escape; write \\ for a backslash`, text)
		}
		b, err := escaped(rest[:length])
		if err != nil {
			return nil, err
		}
		out = append(out, b)
		text = rest[length:]
	}
}

// escaped is the byte that an escape stands for, without its backslash.
func escaped(e string) (byte, error) {
	if e[0] == 'x' {
		n, err := strconv.ParseUint(e[1:], 16, 8)
		if err != nil {
			return 0, fmt.Errorf(`\%s is not two hexadecimal digits after \x`, e)
		}
		return byte(n), nil
	}
	switch e[0] {
	case 'r':
		return '\r', nil
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case '0':
		return 0, nil
	case '\\':
		return '\\', nil
	}
	return 0, fmt.Errorf(`\%s is not \r, \n, \t, \0, \\ or \x and two digits`, e)
}

// Hex are bytes in hexadecimal digits, with or without blanks: 02 or 02 FF.
type Hex []byte

// UnmarshalText reads pairs of digits.
func (h *Hex) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		return fmt.Errorf("%q is not bytes in pairs of hexadecimal digits, such as 02 FF", strings.TrimSpace(string(text)))
	}
	*h = raw
	return nil
}

// MarshalText writes String.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String is the bytes in pairs of digits, with blanks.
func (h Hex) String() string { return fmt.Sprintf("% X", []byte(h)) }

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}
