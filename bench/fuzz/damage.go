package main

import "slices"

// damage breaks a good sequence: whole packets are lost, repeated and exchanged,
// bodies change within frames that are right, and bytes change anywhere.
func (w *writer) damage(packets [][]byte) [][]byte {
	for range 1 + w.IntN(2) {
		i := w.IntN(len(packets))
		switch w.IntN(6) {
		case 0:
			if len(packets) > 1 {
				packets = slices.Delete(packets, i, i+1)
			}
		case 1:
			packets = slices.Insert(packets, w.IntN(len(packets)+1), slices.Clone(packets[i]))
		case 2:
			j := w.IntN(len(packets))
			packets[i], packets[j] = packets[j], packets[i]
		case 3:
			packets[i] = w.bytes(packets[i])
		default:
			if head, body, ok := cut(packets[i]); ok {
				packets[i] = frame(head, w.bytes(body))
			}
		}
	}
	return packets
}

// bytes changes some bytes.
func (w *writer) bytes(b []byte) []byte {
	for range 1 + w.IntN(3) {
		i := w.IntN(len(b) + 1)
		j := i + w.IntN(len(b)-i+1)
		switch w.IntN(6) {
		case 0:
			b = slices.Delete(slices.Clone(b), i, j)
		case 1:
			b = slices.Insert(slices.Clone(b), i, b[i:min(j, i+64)]...)
		case 2:
			b = slices.Insert(slices.Clone(b), i, byte(w.IntN(256)))
		default:
			if i < len(b) {
				b = slices.Clone(b)
				b[i] = pick(w, 0, 1, 0x7f, 0x80, 0xff, b[i]^1<<w.IntN(8), byte(w.IntN(256)))
			}
		}
	}
	return b
}

// cut takes a packet apart into its first byte and its body.
func cut(p []byte) (head byte, body []byte, ok bool) {
	for i := 1; i < min(len(p), 5); i++ {
		if p[i] < 0x80 {
			return p[0], p[i+1:], true
		}
	}
	return 0, nil, false
}

// frame is the opposite of cut.
func frame(head byte, body []byte) []byte {
	p := []byte{head}
	n := len(body)
	for ; n >= 0x80; n >>= 7 {
		p = append(p, byte(n)|0x80)
	}
	return append(append(p, byte(n)), body...)
}
