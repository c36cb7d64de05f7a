package main

import (
	"bufio"
	"encoding/binary"
	"io"
)

// webPath is where the broker's WebSocket is found.
const webPath = "/mqtt"

// webRequest asks for a WebSocket and sends a stream through it, in messages of so
// many bytes. The mask is zero, so what is said is what goes over the wire.
func webRequest(stream []byte, piece int) []byte {
	out := []byte("GET " + webPath + " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
	const binaryMessage, masked, long = 0x82, 0x80, 127
	for len(stream) > 0 {
		n := min(piece, len(stream))
		out = append(out, binaryMessage, masked|long)
		out = binary.BigEndian.AppendUint64(out, uint64(n))
		out = append(out, 0, 0, 0, 0)
		out = append(out, stream[:n]...)
		stream = stream[n:]
	}
	return out
}

// webReader is the stream that comes through a WebSocket.
type webReader struct {
	in      io.Reader
	buf     *bufio.Reader // nil: the answer to the request has not come
	message int64         // bytes that are left of it
}

// Read implements io.Reader. The stream ends with the first frame that is no message.
func (w *webReader) Read(p []byte) (int, error) {
	if w.buf == nil {
		w.buf = bufio.NewReader(w.in)
		for {
			line, err := w.buf.ReadString('\n')
			if err != nil {
				return 0, err
			}
			if line == "\r\n" {
				break
			}
		}
	}
	for w.message == 0 {
		if err := w.header(); err != nil {
			return 0, err
		}
	}
	n, err := w.buf.Read(p[:min(int64(len(p)), w.message)])
	w.message -= int64(n)
	return n, err
}

// header reads the beginning of a frame.
func (w *webReader) header() error {
	var b [8]byte
	if _, err := io.ReadFull(w.buf, b[:2]); err != nil {
		return err
	}
	if b[0]&0x0f > 2 { // not of a message
		return io.EOF
	}
	size := b[1] & 0x7f
	switch size {
	case 126:
		if _, err := io.ReadFull(w.buf, b[6:]); err != nil {
			return err
		}
	case 127:
		if _, err := io.ReadFull(w.buf, b[:]); err != nil {
			return err
		}
	default:
		b = [8]byte{7: size}
	}
	if size == 126 {
		clear(b[:6])
	}
	w.message = int64(binary.BigEndian.Uint64(b[:]))
	return nil
}
