package plant

import "testing"

// The check values that catalogues of checksums give for "123456789".
func TestChecksumsAreThoseOfTheCatalogue(t *testing.T) {
	for kind, want := range map[string]uint16{
		"sum8": 0xDD, "xor8": 0x31, "lrc": 0x23, "crc8": 0xF4, "crc8-maxim": 0xA1,
		"crc16-modbus": 0x4B37, "crc16-ccitt": 0x29B1, "crc16-xmodem": 0x31C3,
	} {
		if got := (&Sum{Type: kind}).over([]byte("123456789")); got != want {
			t.Errorf("%s: %X, want %X", kind, got, want)
		}
	}
}

func TestFieldsStandWhereTheyBelong(t *testing.T) {
	for _, c := range []struct {
		field Field
		value float64
		want  string
	}{
		{Field{At: 1, Type: "uint16", Bit: -1, Scale: 0.1}, 25.6, "\x00\x01\x00\x00\x00"},
		{Field{At: 1, Type: "uint16", Bit: -1, Little: true}, 258, "\x00\x02\x01\x00\x00"},
		{Field{At: 0, Type: "int8", Bit: -1}, -2, "\xFE\x00\x00\x00\x00"},
		{Field{At: 0, Type: "float32", Bit: -1}, 230, "\x43\x66\x00\x00\x00"},
		{Field{At: 0, Type: "bcd", Length: 2, Bit: -1}, 1234, "\x12\x34\x00\x00\x00"},
		{Field{At: 4, Type: "uint8", Bit: 3}, 1, "\x00\x00\x00\x00\x08"},
		{Field{At: 4, Type: "uint16", Bit: -1}, 1, "\x00\x00\x00\x00\x00"},
	} {
		message := make([]byte, 5)
		if c.field.put(message, c.value); string(message) != c.want {
			t.Errorf("%+v of %v: % X", c.field, c.value, message)
		}
	}
}

func TestCommandsAreHeldInMessages(t *testing.T) {
	set := &held{values: map[string][]byte{}}
	slots := []Slot{{Point: "d/a", At: 2, Length: 2}, {Point: "d/b", At: 7, Length: 4, Fixed: true}}
	for _, c := range []struct{ point, value, want string }{
		{"", "", "A=10 B=abcd;"},
		{"d/b", "x", "A=10 B=x   ;"},
		{"d/a", "123.4", "A=123.4 B=x   ;"},
		{"d/a", "", "A=123.4 B=x   ;"}, // a command without a value
		{"d/b", "abcdef", "A=123.4 B=abcd;"},
		{"e/a", "7", "A=123.4 B=abcd;"},
	} {
		set.obey(c.point, []byte(c.value))
		if got := string(set.fill([]byte("A=10 B=abcd;"), slots)); got != c.want {
			t.Errorf("after %s=%q: %q, want %q", c.point, c.value, got, c.want)
		}
	}
	set.obey("d/n", []byte("021,5"))
	if v, ok := set.number(Field{Point: "d/n", Scale: 0.1, Offset: 1}); !ok || v != 3.15 {
		t.Errorf("a number of 21,5 is %v, %v", v, ok)
	}
	if v, ok := set.number(Field{Point: "d/b"}); ok {
		t.Errorf("abcdef is the number %v", v)
	}
}
