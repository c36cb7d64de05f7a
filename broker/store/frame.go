package store

import (
	"encoding/binary"
	"hash/crc32"
)

// frameHeader is the length of what stands before a record: the length of the
// record and its checksum, both 32 bits, little endian.
const frameHeader = 8

// maxRecord is the length of the longest record. A packet of MQTT is shorter.
const maxRecord = 1 << 29

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the segment's salt, the length and the record, so that what
// a payload holds is not taken for a record, nor one of another segment.
func checksum(salt uint32, frame []byte) uint32 {
	return crc32.Update(crc32.Update(salt, castagnoli, frame[:4]), castagnoli, frame[frameHeader:])
}

// appendFrame writes a record with its header behind buf.
func appendFrame(buf []byte, salt uint32, r record) []byte {
	start := len(buf)
	return seal(encode(append(buf, make([]byte, frameHeader)...), r), start, salt)
}

// seal fills the header of a frame in, which begins at start and goes to the end.
func seal(buf []byte, start int, salt uint32) []byte {
	frame := buf[start:]
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHeader))
	binary.LittleEndian.PutUint32(frame[4:], checksum(salt, frame))
	return buf
}

// frameAt is the frame that begins a run of bytes, nil if none does.
func frameAt(salt uint32, run []byte) []byte {
	if len(run) < frameHeader {
		return nil
	}
	n := binary.LittleEndian.Uint32(run)
	if n == 0 || n > maxRecord || int(n) > len(run)-frameHeader {
		return nil
	}
	frame := run[:frameHeader+int(n)]
	if binary.LittleEndian.Uint32(run[4:]) != checksum(salt, frame) {
		return nil
	}
	return frame
}

// search calls each for the records in a run of bytes, with their places, in order.
// It returns where the last good one ends and how many bytes before that make no
// sense. Zeros at the end are room that was not written to.
func search(salt uint32, run []byte, each func(r record, at int64, size int)) (end, lost int64) {
	budget := len(run) * searchEffort
	for at := 0; at < len(run); {
		frame := frameAt(salt, run[at:])
		if r := decodeFrame(frame); r != nil {
			lost += int64(at) - end
			each(r, int64(at), len(frame))
			at += len(frame)
			end = int64(at)
			continue
		}
		skip := find(salt, run[at+1:], &budget)
		if skip < 0 {
			break
		}
		at += 1 + skip
	}
	return end, lost
}

func decodeFrame(frame []byte) record {
	if frame == nil {
		return nil
	}
	return decode(frame[frameHeader:])
}

// searchEffort bounds the search for the next record after damage: so many
// bytes go through the checksum for each byte that is searched.
const searchEffort = 16

// find is where the next frame begins, -1 if there is none, or none is found
// within the budget.
func find(salt uint32, run []byte, budget *int) int {
	for i := 0; i+frameHeader < len(run) && *budget > 0; i++ {
		n := binary.LittleEndian.Uint32(run[i:])
		if known := int(run[i+frameHeader]); n == 0 || int64(n) > int64(len(run)-i) || known == 0 || known >= len(blank) {
			continue
		}
		*budget -= int(n)
		if frameAt(salt, run[i:]) != nil {
			return i
		}
	}
	return -1
}
