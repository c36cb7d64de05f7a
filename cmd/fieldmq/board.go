package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fieldmq/broker/mqtt"
)

// board is what is known of all devices from their messages.
type board struct {
	devices []*boardDevice
}

type boardDevice struct {
	id, status, bus string
	last            int // 1: the gateway itself
	points          []*boardPoint
}

type boardPoint struct {
	name, unit, value, topic string
	at                       time.Time
}

// take takes a message in.
func (b *board) take(m mqtt.Message, now time.Time) {
	id, rest, ok := strings.Cut(strings.TrimPrefix(m.Topic, "device/"), "/")
	if !ok {
		return
	}
	d := b.device(id)
	switch rest {
	case "status":
		d.status = string(m.Payload)
	case "info":
		d.info(m.Payload)
	default:
		for _, p := range d.points {
			if p.topic == m.Topic {
				p.value, p.at = string(m.Payload), now
			}
		}
	}
}

func (b *board) device(id string) *boardDevice {
	i := slices.IndexFunc(b.devices, func(d *boardDevice) bool { return d.id == id })
	if i < 0 {
		i = len(b.devices)
		b.devices = append(b.devices, &boardDevice{id: id})
	}
	return b.devices[i]
}

// info makes the device's points those that it says it has.
func (d *boardDevice) info(payload []byte) {
	var info struct {
		Bus, Via string
		Points   []struct{ Name, Unit, Topic string }
	}
	if json.Unmarshal(payload, &info) != nil {
		return
	}
	d.bus, d.points = info.Bus, nil
	if info.Via == d.id {
		d.last = 1
	}
	for _, p := range info.Points {
		d.points = append(d.points, &boardPoint{name: p.Name, unit: p.Unit, topic: p.Topic})
	}
}

// tableWidth is what the table takes as far as its values.
const tableWidth = 52

// lines is the board as a table, and how many of its lines are of the field: the
// gateway's own stand below them.
func (b *board) lines(now time.Time, color bool) (lines []string, field int) {
	lines = []string{fmt.Sprintf("%-10s %-8s %-18s %12s %-6s %s", "DEVICE", "STATUS", "POINT", "VALUE", "UNIT", "SENT")}
	for _, d := range b.inOrder() {
		name, status := d.id, paint(fmt.Sprintf("%-8s", d.status), d.status, color)
		for _, p := range d.points {
			lines = append(lines, fmt.Sprintf("%-10s %s %-18s %12s %-6s %s", name, status, p.name, p.value, p.unit, p.age(now)))
			name, status = "", strings.Repeat(" ", 8)
		}
		if d.last == 0 {
			field = len(lines)
		}
	}
	return lines, field
}

// short is the board in so many lines a device, for terminals that do not hold
// the table: the first of its values.
func (b *board) short(width, each int, color bool) []string {
	var lines []string
	for _, d := range b.inOrder() {
		line := fmt.Sprintf("%-10s %s", d.id, paint(fmt.Sprintf("%-8s", d.status), d.status, color))
		used, of := len("device     offline "), 1
		for _, p := range d.points {
			if p.value == "" {
				continue
			}
			text := "  " + strings.TrimRight(p.name+" "+p.value+" "+p.unit, " ")
			if used += utf8.RuneCountInString(text); used > width && of == each {
				break
			}
			if used > width {
				lines = append(lines, line)
				line, used, of = text, utf8.RuneCountInString(text), of+1
				continue
			}
			line += text
		}
		lines = append(lines, line)
	}
	return lines
}

// inOrder are the devices by bus as they came, the gateway itself last.
func (b *board) inOrder() []*boardDevice {
	devices := slices.Clone(b.devices)
	slices.SortStableFunc(devices, func(x, y *boardDevice) int {
		return cmp.Or(cmp.Compare(x.last, y.last), strings.Compare(x.bus, y.bus))
	})
	return devices
}

func (p *boardPoint) age(now time.Time) string {
	if p.at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%.1fs ago", now.Sub(p.at).Seconds())
}

// paint colours a status: green is well, red is not.
func paint(text, status string, color bool) string {
	switch {
	case !color:
		return text
	case status == "online":
		return "\x1b[32m" + text + "\x1b[0m"
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

// cut shortens a line to a width in characters; control sequences take none.
func cut(line string, width int) string {
	seen := 0
	for i := 0; i < len(line); {
		if line[i] == '\x1b' {
			i += strings.IndexByte(line[i:], 'm') + 1
			continue
		}
		if seen++; seen > width {
			return line[:i] + "\x1b[0m"
		}
		_, size := utf8.DecodeRuneInString(line[i:])
		i += size
	}
	return line
}
