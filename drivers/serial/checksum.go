package serial

import (
	"encoding/hex"
	"errors"
	"strings"

	"fieldmq/configs"
)

// Checksum is the check of a frame. Bytes are counted from 0, or with negative
// numbers from the end: -1 is the last one.
type Checksum struct {
	// Type is the kind of sum. lrc is the two's complement of sum8; crc16-ccitt
	// begins with FFFF, crc16-xmodem with 0.
	Type string `yaml:"type" check:"required,oneof=sum8|xor8|lrc|crc8|crc8-maxim|crc16-modbus|crc16-ccitt|crc16-xmodem"`
	// From is the first byte that is summed. Default 0.
	From int `yaml:"from" check:"min=-4096,max=4096"`
	// To is the last byte that is summed. Default: the one before the checksum.
	To *int `yaml:"to" check:"min=-4096,max=4096"`
	// At is the first byte of the checksum. Default: the checksum stands at the
	// end.
	At *int `yaml:"at" check:"min=-4096,max=4096"`
	// Order of a checksum of two bytes. Default: little for crc16-modbus, big
	// for the others.
	Order string `yaml:"order" check:"oneof=big|little"`
	// Hex says that the checksum stands there in hexadecimal digits. Default false.
	Hex bool `yaml:"hex"`
}

// Validate finds an order where there is but one byte.
func (c *Checksum) Validate() error {
	if c.Order != "" && c.bits() == 8 {
		return errors.Join(configs.Bad("order", "is for checksums of two bytes"))
	}
	return nil
}

func (c *Checksum) bits() int {
	if strings.HasPrefix(c.Type, "crc16") {
		return 16
	}
	return 8
}

// width is the number of bytes that the checksum takes in a frame.
func (c *Checksum) width() int {
	if c.Hex {
		return c.bits() / 4
	}
	return c.bits() / 8
}

// span is where, in a frame of a length, the summed bytes and the checksum
// stand; it fails where they do not fit.
func (c *Checksum) span(length int) (from, to, at int, ok bool) {
	at = length - c.width()
	if c.At != nil {
		at = fromEnd(*c.At, length)
	}
	from, to = fromEnd(c.From, length), at
	if c.To != nil {
		to = fromEnd(*c.To, length) + 1
	}
	ok = from >= 0 && from <= to && to <= length && at >= 0 && at <= length-c.width()
	return from, to, at, ok
}

// fromEnd resolves a place that may be counted from the end.
func fromEnd(i, length int) int {
	if i < 0 {
		return length + i
	}
	return i
}

func (c *Checksum) within(length int) bool {
	_, _, _, ok := c.span(length)
	return ok
}

// verify says whether the checksum of a frame is right.
func (c *Checksum) verify(frame []byte) bool {
	from, to, at, ok := c.span(len(frame))
	if !ok {
		return false
	}
	said := frame[at : at+c.width()]
	if c.Hex {
		raw := make([]byte, c.bits()/8)
		if _, err := hex.Decode(raw, said); err != nil {
			return false
		}
		said = raw
	}
	sum := c.sum(frame[from:to])
	switch {
	case c.bits() == 8:
		return said[0] == byte(sum)
	case c.little():
		return said[0] == byte(sum) && said[1] == byte(sum>>8)
	}
	return said[0] == byte(sum>>8) && said[1] == byte(sum)
}

func (c *Checksum) little() bool {
	return c.Order == "little" || c.Order == "" && c.Type == "crc16-modbus"
}

func (c *Checksum) sum(b []byte) uint16 {
	switch c.Type {
	case "xor8":
		return fold(b, 0, func(sum uint16, c byte) uint16 { return sum ^ uint16(c) })
	case "lrc":
		return -fold(b, 0, add) & 0xFF
	case "crc8":
		return fold(b, 0, crcHigh(0x0700)) >> 8
	case "crc8-maxim":
		return fold(b, 0, crcLow(0x8C))
	case "crc16-modbus":
		return fold(b, 0xFFFF, crcLow(0xA001))
	case "crc16-ccitt":
		return fold(b, 0xFFFF, crcHigh(0x1021))
	case "crc16-xmodem":
		return fold(b, 0, crcHigh(0x1021))
	}
	return fold(b, 0, add) & 0xFF
}

func fold(b []byte, sum uint16, step func(uint16, byte) uint16) uint16 {
	for _, c := range b {
		sum = step(sum, c)
	}
	return sum
}

func add(sum uint16, c byte) uint16 { return sum + uint16(c) }

// crcHigh is one byte of a CRC that takes the highest bit first. A polynomial
// of 8 bits stands in the high byte, and so does its CRC.
func crcHigh(polynomial uint16) func(uint16, byte) uint16 {
	return func(crc uint16, c byte) uint16 {
		crc ^= uint16(c) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= polynomial
			}
		}
		return crc
	}
}

// crcLow is one byte of a CRC that takes the lowest bit first; the polynomial
// is turned around.
func crcLow(polynomial uint16) func(uint16, byte) uint16 {
	return func(crc uint16, c byte) uint16 {
		crc ^= uint16(c)
		for range 8 {
			carry := crc & 1
			crc >>= 1
			if carry != 0 {
				crc ^= polynomial
			}
		}
		return crc
	}
}
