package mapping

import (
	"time"

	"fieldmq/configs"
)

// Expiry is how long a value lasts: a time span, Never, or zero for what the
// heartbeat gives.
type Expiry time.Duration

// Never is the Expiry of values that stay until others replace them.
const Never Expiry = -1

// UnmarshalText reads a time span such as 5m, or never.
func (e *Expiry) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*e = Never
		return nil
	}
	return (*configs.Duration)(e).UnmarshalText(text)
}

// String is the expiry as it is written in YAML.
func (e Expiry) String() string {
	if e == Never {
		return "never"
	}
	return configs.Duration(e).String()
}

// MarshalText writes String.
func (e Expiry) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// ConfigForms is what may be written, for the schema.
func (Expiry) ConfigForms() []any { return []any{configs.Duration(0), Never.String()} }
