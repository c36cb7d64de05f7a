package serial

import (
	"bytes"
	"regexp"
	"strings"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Device is the driver's part of the section of a device.
type Device struct {
	// ID stands in for {address} in request, match, command and expect, where
	// several devices share a line. Default: none.
	ID string `yaml:"address"`
	// Request is sent to ask for the values; without one the device speaks by
	// itself. Text with escapes, or hex:01 03. Default: none.
	Request Bytes `yaml:"request"`
	// Match is the regular expression of points that have none of their own.
	Match string `yaml:"match"`
	// Timeout is how long the device may take to answer. Default: that of the bus.
	Timeout configs.Duration `yaml:"timeout" check:"min=1ms,max=1m"`
	// Pause is how long the line rests after an exchange with the device.
	// Default: that of the bus.
	Pause configs.Duration `yaml:"pause" check:"max=1m"`
}

// Address returns a point that asks what the device asks, and matches what it
// matches.
func (d *Device) Address() drivers.Address {
	return &Address{Request: d.Request, Match: d.Match, device: d}
}

// placeholder is where a device's address comes in.
const placeholder = "{address}"

// bytes puts the address into what goes to the device.
func (d *Device) bytes(text Bytes) []byte {
	return bytes.ReplaceAll(text, []byte(placeholder), []byte(d.ID))
}

// expression puts the address, as plain text, into an expression and compiles it.
func (d *Device) expression(text string) (*regexp.Regexp, error) {
	return regexp.Compile(strings.ReplaceAll(text, placeholder, regexp.QuoteMeta(d.ID)))
}
