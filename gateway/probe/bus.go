package probe

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// port is the beginning of what is a serial port and no host, names without a path
// among them, which the driver knows to explain.
var port = regexp.MustCompile(`^\.?/|^usb:|^tty[A-Za-z]+[0-9]+$|^(?i:com)[0-9]+$`)

// line is data bits, parity and stop bits in the usual notation, such as 8E1.
var line = regexp.MustCompile(`^([5-8])([NEOneo])([12])$`)

// BusSection is the section of the bus that words stand for: see Words.Bus.
func BusSection(words string) (map[string]any, error) {
	fields := strings.Fields(words)
	section := map[string]any{}
	if len(fields) > 0 && strings.HasPrefix(fields[0], "modbus-") {
		section["driver"] = fields[0]
		fields = fields[1:]
	}
	if len(fields) == 0 {
		return nil, errors.New(`name a bus: a host such as 192.168.1.20, or a serial port such as "/dev/ttyUSB0 9600 8E1"`)
	}
	serial := port.MatchString(fields[0])
	if section["driver"] == nil {
		section["driver"] = "modbus-tcp"
		if serial {
			section["driver"] = "modbus-rtu"
		}
	}
	if section["driver"] == "modbus-rtu" || section["driver"] == "modbus-ascii" {
		section["port"] = fields[0]
	} else {
		section["address"] = fields[0]
	}
	for _, field := range fields[1:] {
		if err := busWord(section, field); err != nil {
			return nil, err
		}
	}
	return section, nil
}

// busWord puts a word behind the place of a bus into its section.
func busWord(section map[string]any, word string) error {
	if baud, err := strconv.Atoi(word); err == nil {
		section["baud"] = baud
		return nil
	}
	if m := line.FindStringSubmatch(word); m != nil {
		section["data_bits"], section["stop_bits"] = scalar(m[1]), scalar(m[3])
		section["parity"] = map[string]string{"N": "none", "E": "even", "O": "odd"}[strings.ToUpper(m[2])]
		return nil
	}
	key, value, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("%q is neither a baud rate, nor a line such as 8E1, nor a key such as timeout=1s", word)
	}
	section[key] = scalar(value)
	return nil
}

// scalar is a number where the word is one.
func scalar(word string) any {
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil && strings.Trim(word, "0123456789.+-eE") == "" {
		return f
	}
	return word
}
