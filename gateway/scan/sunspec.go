package scan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
)

// SunSpec is the chain of models that inverters, meters and batteries have which
// obey the SunSpec Alliance's specification.
type SunSpec struct {
	Base   int   `json:"base"` // holding register of the mark "SunS"
	Models []int `json:"models"`
}

// sunSpecBases are where the mark may stand, the likeliest first.
var sunSpecBases = [...]int{40000, 0, 50000}

const (
	sunSpecMark  = 0x53756E53 // "SunS"
	commonModel  = 1
	lastModel    = 0xFFFF
	longestChain = 64
)

// sunSpec walks the chain of a unit; nil if there is none. who is what the
// common model says: maker, model, version, serial number.
func (s *scanner) sunSpec(ctx context.Context, bus *modbus.Bus, unit int) (found *SunSpec, who string) {
	for _, base := range sunSpecBases {
		mark, err := s.holding(ctx, bus, unit, base, 2)
		if err != nil && !errors.Is(err, drivers.ErrRefused) {
			return nil, ""
		}
		if err != nil || binary.BigEndian.Uint32(mark) != sunSpecMark {
			continue
		}
		found = &SunSpec{Base: base}
		for at := base + 2; len(found.Models) < longestChain && at < 1<<16-2; {
			head, err := s.holding(ctx, bus, unit, at, 2)
			if err != nil {
				break
			}
			id, length := int(binary.BigEndian.Uint16(head)), int(binary.BigEndian.Uint16(head[2:]))
			if id == lastModel {
				break
			}
			if id == commonModel && length >= 64 {
				if text, err := s.holding(ctx, bus, unit, at+2, 64); err == nil {
					who = commonText(text)
				}
			}
			found.Models = append(found.Models, id)
			at += 2 + length
		}
		return found, who
	}
	return nil, ""
}

// commonText is the texts of the common model that people know a device by.
func commonText(raw []byte) string {
	fields := []struct{ first, registers int }{{0, 16}, {16, 16}, {40, 8}, {48, 16}} // Mn, Md, Vr, SN
	var texts []string
	for _, f := range fields {
		text := strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, string(raw[2*f.first:2*(f.first+f.registers)])))
		if text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}

func (s *scanner) holding(ctx context.Context, bus *modbus.Bus, unit, first, count int) ([]byte, error) {
	const readHolding = 3
	data, err := bus.Request(ctx, byte(unit), readHolding, []byte{byte(first >> 8), byte(first), 0, byte(count)}, s.Timeout)
	if err == nil && len(data) != 2*count {
		err = fmt.Errorf("%d bytes for %d registers", len(data), count)
	}
	return data, err
}
