package packet

import "encoding/binary"

// appendVarint writes a variable byte integer in its shortest form.
func appendVarint(buf []byte, v int) []byte {
	for v >= 0x80 {
		buf = append(buf, byte(v)|0x80)
		v >>= 7
	}
	return append(buf, byte(v))
}

// varintSize is the number of bytes that appendVarint writes.
func varintSize(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

// appendText writes a string or binary data behind its length. What is longer
// than a length can say is cut; callers check names where they come in.
func appendText[T ~string | ~[]byte](buf []byte, s T) []byte {
	s = s[:min(len(s), 65535)]
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(s)))
	return append(buf, s...)
}

// appendPacket writes a header and the body that write appends.
func appendPacket(buf []byte, header byte, write func([]byte) []byte) []byte {
	return appendSized(append(buf, header), write)
}

// appendSized writes what write appends behind its length, which is known only
// afterwards: one byte is left for it, and what needs more is moved.
func appendSized(buf []byte, write func([]byte) []byte) []byte {
	start := len(buf)
	buf = write(append(buf, 0))
	length := len(buf) - start - 1
	if extra := varintSize(length) - 1; extra > 0 {
		buf = append(buf, make([]byte, extra)...)
		copy(buf[start+1+extra:], buf[start+1:])
	}
	appendVarint(buf[:start], length)
	return buf
}
