package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fieldmq/configs"
	"fieldmq/gateway"
)

// Device is the id of the device in a site that Words make.
const Device = "device"

// Words are what a person types to say which registers are meant.
type Words struct {
	// Bus is a host with or without port, or a serial port; with the line and
	// keys of the bus behind: "192.168.1.20", "/dev/ttyUSB0 19200 8E1",
	// "modbus-tcp plc:502 timeout=3s".
	Bus  string
	Unit int // unit id; negative: the driver's default
	// Table is coil, discrete, input or holding, or its first letter.
	Table string
	First string // the first register or bit, from 0; 0x1F too
	// Count is the number of points that follow each other, 1 to 1000; or of
	// the registers of a string.
	Count int
	Type  string // of each point; may be empty
	Order string // of its bytes; may be empty
	Scale string // of its value; may be empty
	Write bool
}

// mostPoints bounds what one command reads.
const mostPoints = 1000

// text is the type whose count is that of its registers.
const text = "string"

// Site is the configuration that the words stand for, with one device. Its
// points are named for their places: holding-0, holding-2.
func (w Words) Site() (*gateway.Config, error) {
	bus, err := BusSection(w.Bus)
	if err != nil {
		return nil, err
	}
	points, err := w.points()
	if err != nil {
		return nil, err
	}
	device := map[string]any{"bus": "bus", "points": points}
	if w.Unit >= 0 {
		device["unit"] = w.Unit
	}
	yaml, err := json.Marshal(map[string]any{ // JSON is YAML
		"gateway": map[string]any{"id": "gateway"},
		"buses":   map[string]any{"bus": bus},
		"devices": map[string]any{Device: device},
	})
	if err != nil {
		return nil, err
	}
	config, err := gateway.Read("command line", yaml, nil)
	return config, plain(err)
}

// plain is the faults of a file that nobody wrote, without their places.
func plain(err error) error {
	var faults configs.Faults
	if !errors.As(err, &faults) {
		return err
	}
	texts := make([]string, 0, len(faults))
	for _, f := range faults {
		key := f.Path[strings.LastIndexByte(f.Path, '.')+1:]
		if said := key + ": " + f.Text; !slices.Contains(texts, said) {
			texts = append(texts, said)
		}
	}
	return errors.New(strings.Join(texts, "; "))
}

// Name is the name of a point that Words make.
func Name(table string, n int) string { return fmt.Sprintf("%s-%d", table, n) }

var tables = []string{"coil", "discrete", "input", "holding"}

// points are the sections of the points.
func (w Words) points() (map[string]any, error) {
	names, err := w.Places()
	if err != nil {
		return nil, err
	}
	points := map[string]any{}
	for _, name := range names {
		table, number, _ := strings.Cut(name, "-")
		n, _ := strconv.Atoi(number) // Name wrote it
		point := map[string]any{table: n}
		for key, value := range map[string]string{"type": w.Type, "order": w.Order, "scale": w.Scale} {
			if value != "" {
				point[key] = scalar(strings.TrimSpace(value))
			}
		}
		if w.Type == text {
			point["length"] = w.Count
		}
		if w.Write {
			point["write"] = true
		}
		points[name] = point
	}
	return points, nil
}

// Places are the names of the points in their order.
func (w Words) Places() ([]string, error) {
	i := slices.IndexFunc(tables, func(t string) bool { return w.Table != "" && strings.HasPrefix(t, w.Table) })
	if i < 0 {
		return nil, fmt.Errorf("%q is none of coil, discrete, input, holding", w.Table)
	}
	first, err := strconv.ParseUint(w.First, 0, 16)
	if err != nil || len(w.First) > 1 && w.First[0] == '0' && w.First[1] != 'x' {
		return nil, fmt.Errorf("%q is not a register from 0 to 65535 (0xFFFF); 40001 of a manual is holding 0", w.First)
	}
	if w.Count < 1 || w.Count > mostPoints {
		return nil, fmt.Errorf("%d is not a count from 1 to %d", w.Count, mostPoints)
	}
	if w.Type == text {
		return []string{Name(tables[i], int(first))}, nil
	}
	names := make([]string, w.Count)
	for n := range names {
		names[n] = Name(tables[i], int(first)+n*registers(w.Type))
	}
	return names, nil
}

// registers is how many a value of the type takes.
func registers(name string) int {
	switch {
	case strings.HasSuffix(name, "32"):
		return 2
	case strings.HasSuffix(name, "64"):
		return 4
	}
	return 1
}
