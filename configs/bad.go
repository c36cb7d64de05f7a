package configs

import (
	"fmt"
	"strconv"
)

// KeyError is a fault of one key of the section that a Validate method looks
// at. The reader turns it into a Fault with its place in the file.
type KeyError struct {
	Key  string // as in the YAML, "write.min" for a key within a key; empty: the section itself
	Text string // what is wrong and what to write instead
}

func (e *KeyError) Error() string {
	if e.Key == "" {
		return e.Text
	}
	return e.Key + ": " + e.Text
}

// Bad says from a Validate method that a key is wrong. Several faults are
// joined with errors.Join.
func Bad(key, format string, args ...any) error {
	return &KeyError{Key: key, Text: fmt.Sprintf(format, args...)}
}

// Port is the fault of a key whose text is no number of a port, nil if it is one.
func Port(key, text string) error {
	if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 {
		return Bad(key, "%q is not a port from 1 to 65535", text)
	}
	return nil
}
