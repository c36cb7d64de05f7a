package scan

import (
	"fmt"

	"fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway/probe"
)

// speeds are the lines that are in use, the most likely first. Two stop bits
// are heard as one and some silence, and need no place of their own.
var speeds = [...]string{
	"9600 8N1", "9600 8E1", "19200 8E1", "19200 8N1", "2400 8N1", "38400 8N1", "115200 8N1", "4800 8N1",
	"38400 8E1", "57600 8N1", "115200 8E1", "9600 8O1", "19200 8O1", "2400 8E1", "4800 8E1", "1200 8N1",
}

// candidates are a bus with all lines that it may have: one if words say the
// speed, or if there is none to be said.
func candidates(words string) ([]string, error) {
	section, err := probe.BusSection(words)
	if err != nil {
		return nil, err
	}
	if section["driver"] != modbus.RTU.Name || section["baud"] != nil {
		return []string{words}, nil
	}
	lines := make([]string, len(speeds))
	for i, speed := range speeds {
		lines[i] = fmt.Sprintf("%s %s", words, speed)
	}
	return lines, nil
}

// Lines are a serial line with all speeds that it may have: one if words say
// it.
func Lines(words string) ([]string, error) { return candidates(words) }

// Ports are the serial ports of this machine as buses, by the names that stay
// where they have one.
func Ports() []string {
	var buses []string
	for _, p := range line.Ports() {
		if p.ByID != "" {
			buses = append(buses, p.ByID)
			continue
		}
		buses = append(buses, p.Name)
	}
	return buses
}
