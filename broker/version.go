package broker

import (
	"fmt"

	"fieldmq/broker/packet"
)

// Version is a version of MQTT in a configuration.
type Version packet.Version

// versions are the names of the versions that there are.
var versions = map[packet.Version]string{packet.V31: "3.1", packet.V311: "3.1.1", packet.V5: "5.0"}

// UnmarshalText reads the name of a version; 5 will do for 5.0.
func (v *Version) UnmarshalText(text []byte) error {
	for known, name := range versions {
		if name == string(text) || name == string(text)+".0" {
			*v = Version(known)
			return nil
		}
	}
	return fmt.Errorf("%q is none of 3.1, 3.1.1 and 5.0", text)
}

// ConfigForms are the versions to choose from.
func (Version) ConfigForms() []any { return []any{"3.1", "3.1.1", "5.0"} }
