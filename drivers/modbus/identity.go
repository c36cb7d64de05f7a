package modbus

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Reading of the device identification. (APS 6.21)
const (
	encapsulated   = 43 // the function code
	identification = 14 // the MEI type
	basic          = 1  // read all basic objects: vendor, product, revision
)

// reportServerID is the function code that asks a unit on a serial line what it
// is. (APS 6.13)
const reportServerID = 17

// shortestIdentity is the length of an answer without any object, its function
// code included.
const shortestIdentity = 7

// Identity is what a unit says of itself, such as "Acme PM5 V2.1": its vendor
// name, product code and revision. Many units decline.
func (b *Bus) Identity(ctx context.Context, unit byte, timeout time.Duration) (string, error) {
	data, err := b.Request(ctx, unit, encapsulated, []byte{identification, basic, 0}, timeout)
	if err != nil {
		return "", fmt.Errorf("identification of unit %d: %w", unit, err)
	}
	var texts []string
	for rest := data[shortestIdentity-1:]; len(rest) > 0; rest = rest[2+int(rest[1]):] {
		if text := printable(rest[2 : 2+int(rest[1])]); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " "), nil
}

// ServerID is what a unit says of itself when it is asked in the older way, by
// function code 17: the text in its answer, which is up to its maker, and
// whether it runs. Where there is no text the bytes stand in hexadecimal.
func (b *Bus) ServerID(ctx context.Context, unit byte, timeout time.Duration) (string, error) {
	data, err := b.Request(ctx, unit, reportServerID, nil, timeout)
	if err != nil {
		return "", fmt.Errorf("server id of unit %d: %w", unit, err)
	}
	if text := printable(data); len(text) > 2 {
		return text, nil
	}
	return fmt.Sprintf("% X", data), nil
}

// printable is a text as a device has it, without what would upset a terminal.
func printable(raw []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(raw)))
}

// identityLen is the length of an answer with its function code, as it says
// itself: objects of an id, a length and a text follow each other. It is 0 if
// this is none, and more than there is if the rest is still to come.
func identityLen(answer []byte) int {
	switch {
	case len(answer) > 1 && answer[1] != identification:
		return 0
	case len(answer) < shortestIdentity:
		return len(answer) + 1
	}
	n := shortestIdentity
	for range answer[shortestIdentity-1] {
		if len(answer) < n+2 {
			return len(answer) + 1
		}
		n += 2 + int(answer[n+1])
	}
	if n > maxPDU {
		return 0
	}
	return n
}
