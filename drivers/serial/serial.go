// Package serial reads and writes devices that speak text, or binary frames of
// a fixed layout, over a serial line: scales, weather stations, displays,
// sensors with an ASCII protocol.
//
// There is no standard for them. A frame says how the bytes on the line fall
// apart, a point where its value stands in a frame. Devices answer requests, or
// speak by themselves, or both.
package serial

import (
	"context"
	"log/slog"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	"fieldmq/drivers/line"
)

// Driver speaks to devices with a protocol of their own.
var Driver = drivers.Driver{
	Name: "serial",
	Doc:  "Devices on a serial line that speak text or fixed binary frames.",
	New: func() drivers.Settings {
		return &Settings{Settings: line.Defaults(), Timeout: configs.Duration(time.Second)}
	},
}

// Settings is the section of a bus.
type Settings struct {
	line.Settings `yaml:",inline"`
	// Frame is how the bytes on the line fall apart into frames. Default: lines
	// that end with LF or CR LF.
	Frame Frame `yaml:"frame"`
	// Timeout is how long a device may take from the end of a request to the
	// end of its answer. Default 1s.
	Timeout configs.Duration `yaml:"timeout" check:"min=1ms,max=1m"`
	// Pause is how long the line rests after an exchange before the next
	// request. Default 0.
	Pause configs.Duration `yaml:"pause" check:"max=1m"`
}

var (
	_ drivers.Settings = (*Settings)(nil)
	_ drivers.Checker  = (*Settings)(nil)
)

// Device returns a device with the time-out and the pause of the bus.
func (s *Settings) Device() drivers.Device {
	return &Device{Timeout: s.Timeout, Pause: s.Pause}
}

// Open opens the line and begins to listen.
func (s *Settings) Open(ctx context.Context, log *slog.Logger) (drivers.Bus, error) {
	l, err := line.Open(ctx, s.Settings, log)
	if err != nil {
		return nil, err
	}
	return newBus(l, s, log), nil
}

// Check finds points that lie beyond the end of a frame of fixed length.
func (s *Settings) Check(points []*drivers.Point) []drivers.Conflict {
	var conflicts []drivers.Conflict
	length := s.Frame.Length
	for _, p := range points {
		a := p.At.(*Address)
		if length == 0 || a.At == nil {
			continue
		}
		if _, ok := a.place(length); !ok {
			conflicts = append(conflicts, drivers.Conflict{
				Point: p, Key: "at", Text: "the value does not lie within the frame's " + plural(length, "byte"),
			})
		}
	}
	return conflicts
}
