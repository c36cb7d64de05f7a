package modbus

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// ascii writes each byte as two digits between a colon and a line end, with
// the negative sum of the bytes behind them. Modbus over Serial Line, section
// 2.5.2
type ascii struct{}

const maxASCII = 513

// sum is the place of the first digit of the sum.
func (ascii) sum(frame []byte) int { return max(len(frame)-4, 0) }

func (ascii) parse(frame []byte) (unit byte, pdu []byte, ok bool) {
	digits, ended := bytes.CutSuffix(frame, []byte("\r\n"))
	digits, begun := bytes.CutPrefix(digits, []byte(":"))
	if !begun || !ended || len(frame) > maxASCII {
		return 0, nil, false
	}
	raw, err := hex.DecodeString(string(digits))
	if err != nil || len(raw) < 3 || negativeSum(raw) != 0 {
		return 0, nil, false
	}
	return raw[0], raw[1 : len(raw)-1], true
}

func (ascii) frame(unit byte, pdu []byte) []byte {
	raw := append([]byte{unit}, pdu...)
	raw = append(raw, negativeSum(raw))
	return fmt.Appendf(nil, ":%s\r\n", strings.ToUpper(hex.EncodeToString(raw)))
}

// negativeSum is what makes the sum of all bytes zero.
func negativeSum(raw []byte) byte {
	var sum byte
	for _, b := range raw {
		sum += b
	}
	return -sum
}

// ServeASCII answers on a serial line until ctx ends, which is no error, or the
// line fails. It closes the line.
func (s *Server) ServeASCII(ctx context.Context, line io.ReadWriteCloser) error {
	return s.serveLine(ctx, line, ascii{}, (&asciiReader{from: line}).next)
}

// asciiReader cuts a stream into frames.
type asciiReader struct {
	from io.Reader
	held []byte // the beginning of a frame, or nothing
}

// next waits for a line end and returns what stands before it from the last
// colon on.
func (r *asciiReader) next() ([]byte, error) {
	var chunk [maxASCII]byte
	for {
		if end := bytes.IndexByte(r.held, '\n'); end >= 0 {
			frame := r.held[:end+1]
			r.held = r.held[end+1:]
			return frame[max(bytes.LastIndexByte(frame, ':'), 0):], nil
		}
		if len(r.held) > maxASCII {
			r.held = nil // no frame is that long
		}
		n, err := r.from.Read(chunk[:])
		if err != nil {
			return nil, err
		}
		r.held = append(r.held, chunk[:n]...)
	}
}
