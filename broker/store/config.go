package store

import (
	"fmt"
	"time"

	"fieldmq/configs"
)

// Config are the keys of the section store. They matter where gateway.data
// names a folder.
type Config struct {
	// Sync is when the disk has what was acknowledged; in all cases the kernel
	// has it before, so that the end of fieldmq itself, kill -9 too, loses nothing.
	// always: each acknowledgement waits for the disk; a power cut loses nothing
	// acknowledged. adaptive: the disk is waited for only while a message has not
	// reached its session within a second; a power cut may take the last second of
	// what waits, and the last half minute of retained messages. A time span such as
	// 500ms: the disk has all that is older; a power cut may take so much. Default:
	// adaptive.
	Sync Sync `yaml:"sync"`
	// Max is how much room the store may take. When it is full, messages that
	// would have to be stored are not acknowledged.
	Max configs.Size `yaml:"max" check:"min=1MiB"`
	// KeepFree is how much room the store leaves on the disk for others.
	KeepFree configs.Size `yaml:"keep_free"`
	// Segment is the size of a file of the log. What was delivered is removed
	// a file at a time.
	Segment configs.Size `yaml:"segment" check:"min=64KiB,max=256MiB"`
}

// Defaults suit a memory card.
func Defaults() Config {
	return Config{Max: 4 << 30, KeepFree: 64 << 20, Segment: 2 << 20}
}

// Sync says when the disk is waited for: adaptive, always, or the span after
// which it has everything. The zero value is adaptive.
type Sync struct {
	always bool
	every  time.Duration // 0: adaptive
}

// Always is the Sync that waits for the disk before each acknowledgement.
func Always() Sync { return Sync{always: true} }

// UnmarshalText reads adaptive, always or a span above zero.
func (s *Sync) UnmarshalText(text []byte) error {
	switch string(text) {
	case "adaptive":
		*s = Sync{}
		return nil
	case "always":
		*s = Sync{always: true}
		return nil
	}
	var span configs.Duration
	if err := span.UnmarshalText(text); err != nil || span <= 0 {
		return fmt.Errorf("%q is not adaptive, always or a time span such as 500ms", text)
	}
	*s = Sync{every: span.D()}
	return nil
}

// String writes it the way it is written in YAML.
func (s Sync) String() string {
	switch {
	case s.always:
		return "always"
	case s.every == 0:
		return "adaptive"
	}
	return configs.Duration(s.every).String()
}

// MarshalText writes String.
func (s Sync) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
