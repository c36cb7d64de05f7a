package serial

import (
	"encoding/hex"
	"testing"
)

// The check values are those of the catalogue of CRC algorithms, for "123456789".
func TestChecksumsHaveTheirCheckValues(t *testing.T) {
	tests := map[string]uint16{
		"sum8":         0xDD,
		"xor8":         0x31,
		"lrc":          0x23,
		"crc8":         0xF4,
		"crc8-maxim":   0xA1,
		"crc16-modbus": 0x4B37,
		"crc16-ccitt":  0x29B1,
		"crc16-xmodem": 0x31C3,
	}
	for kind, want := range tests {
		c := Checksum{Type: kind}
		if got := c.sum([]byte("123456789")); got != want {
			t.Errorf("%s: got %#x, want %#x", kind, got, want)
		}
	}
}

func TestChecksumsAreVerified(t *testing.T) {
	at := func(i int) *int { return &i }
	tests := map[string]struct {
		sum   Checksum
		frame string // in hex
		want  bool
	}{
		"takes a Modbus frame":             {Checksum{Type: "crc16-modbus"}, "01030000000A C5CD", true},
		"refuses a bit":                    {Checksum{Type: "crc16-modbus"}, "01030000000B C5CD", false},
		"refuses a bit of the last byte":   {Checksum{Type: "crc16-modbus"}, "01030000000A C5CC", false},
		"refuses a bit of a big sum":       {Checksum{Type: "crc16-ccitt"}, "313233343536373839 29B0", false},
		"refuses the wrong order":          {Checksum{Type: "crc16-modbus", Order: "big"}, "01030000000A C5CD", false},
		"takes the order it is told":       {Checksum{Type: "crc16-modbus", Order: "big"}, "01030000000A CDC5", true},
		"has big CCITT sums":               {Checksum{Type: "crc16-ccitt"}, "313233343536373839 29B1", true},
		"leaves STX out":                   {Checksum{Type: "xor8", From: 1}, "02 41 03 42", true},
		"leaves bytes before itself out":   {Checksum{Type: "sum8", To: at(-3)}, "0102 FF 03", true},
		"stands before the end":            {Checksum{Type: "sum8", At: at(-2)}, "0102 03 0A", true},
		"stands first":                     {Checksum{Type: "sum8", From: 1, To: at(-1), At: at(0)}, "03 0102", true},
		"stands in digits":                 {Checksum{Type: "sum8", Hex: true}, "0102 3033", true},
		"takes small digits":               {Checksum{Type: "sum8", Hex: true}, "0AA1 6162", true},
		"refuses what is no digit":         {Checksum{Type: "sum8", Hex: true}, "0102 3078", false},
		"refuses an empty frame":           {Checksum{Type: "sum8"}, "", false},
		"refuses half a sum":               {Checksum{Type: "crc16-modbus"}, "FF", false},
		"refuses a place before the frame": {Checksum{Type: "sum8", At: at(-9)}, "0102", false},
		"refuses a place behind the frame": {Checksum{Type: "sum8", At: at(9)}, "0102", false},
		"refuses a span that runs back":    {Checksum{Type: "sum8", From: 3, To: at(1)}, "01020304", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var frame Hex
			if err := frame.UnmarshalText([]byte(tt.frame)); err != nil {
				t.Fatal(err)
			}
			if got := tt.sum.verify(frame); got != tt.want {
				t.Errorf("%s: got %v", hex.EncodeToString(frame), got)
			}
		})
	}
}
