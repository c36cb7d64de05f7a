package frame

import "encoding/binary"

// crcs are the checksums of single bytes.
var crcs = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i)
		for range 8 {
			odd := crc & 1
			crc >>= 1
			if odd == 1 {
				crc ^= 0xA001
			}
		}
		table[i] = crc
	}
	return table
}()

// CRC is the checksum of an RTU frame. (MSL 2.5.1.2)
func CRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>8 ^ crcs[byte(crc)^c]
	}
	return crc
}

// Append appends the RTU frame of a PDU to b: unit id, PDU and checksum.
func Append(b []byte, unit byte, pdu []byte) []byte {
	start := len(b)
	b = append(append(b, unit), pdu...)
	return binary.LittleEndian.AppendUint16(b, CRC(b[start:]))
}

// Intact says whether an RTU frame ends with its checksum.
func Intact(adu []byte) bool {
	n := len(adu) - 2
	return n >= 2 && CRC(adu[:n]) == binary.LittleEndian.Uint16(adu[n:])
}
