package gateway

import "time"

// source is the text that a configuration was read from, for people: its
// secrets are masked.
type source struct {
	file, text string
	read       time.Time
}
