package main

import (
	"cmp"
	"os"
	"strconv"
	"strings"

	"fieldmq/configs"
	"fieldmq/firmware-sim/plant"
)

// writeMoved writes a copy of the configuration in which each bus is where its
// simulation answers. Comments and layout stay.
func writeMoved(f simFlags, p *plant.Plant) error {
	text, err := os.ReadFile(f.config)
	if err != nil {
		return err
	}
	var site struct {
		Buses configs.Sections `yaml:"buses"`
	}
	configs.Parse(f.config, text, os.LookupEnv).Root().Decode(&site, configs.Any)
	lines := strings.Split(string(text), "\n")
	for _, b := range site.Buses {
		var keys struct {
			Driver  *configs.Node `yaml:"driver"`
			Port    *configs.Node `yaml:"port"`
			Address *configs.Node `yaml:"address"`
			Chip    *configs.Node `yaml:"chip"`
			Listen  *configs.Node `yaml:"listen"`
			CA      *configs.Node `yaml:"ca"`
		}
		b.Decode(&keys, configs.Any)
		place := strconv.Quote(p.Port(b.Name))
		written := keys.Listen != nil // where devices dial in they do so
		for _, n := range []*configs.Node{keys.Port, keys.Address, keys.Chip} {
			if n != nil {
				line := &lines[n.Line()-1]
				*line = replaceScalar(*line, n.Column(), place)
				written = true
			}
		}
		if ca := p.Authority(b.Name); ca != "" {
			trust(lines, keys.CA, cmp.Or(keys.Address, keys.Listen), strconv.Quote(ca))
		}
		if !written { // only a chip may go without saying
			line := &lines[keys.Driver.Line()-1]
			*line = addAfter(*line, keys.Driver.Column(), "chip: "+place)
		}
	}
	return os.WriteFile(f.write, []byte(strings.Join(lines, "\n")), 0o644)
}

// trust names the file with the certificate that signs the simulator's, in place
// of another or behind the address.
func trust(lines []string, ca, address *configs.Node, file string) {
	if ca != nil {
		lines[ca.Line()-1] = replaceScalar(lines[ca.Line()-1], ca.Column(), file)
		return
	}
	lines[address.Line()-1] = addAfter(lines[address.Line()-1], address.Column(), "ca: "+file)
}

// replaceScalar replaces the value that begins in a column of a line of YAML;
// columns count characters from 1.
func replaceScalar(line string, column int, value string) string {
	before, scalar, after := cutScalar(line, column)
	if scalar == "" {
		return line
	}
	return before + value + after
}

// addAfter adds a key behind the one whose value begins in a column: beside
// it in a mapping in braces, else on a line of its own.
func addAfter(line string, column int, key string) string {
	before, scalar, after := cutScalar(line, column)
	if strings.Contains(before, "{") {
		return before + scalar + ", " + key + after
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	return line + "\n" + indent + key
}

// cutScalar cuts a line around the value that begins in a column.
func cutScalar(line string, column int) (before, scalar, after string) {
	runes := []rune(line)
	if column < 1 || column > len(runes) {
		return line, "", ""
	}
	before, rest := string(runes[:column-1]), string(runes[column-1:])
	return before, rest[:scalarEnd(rest)], rest[scalarEnd(rest):]
}

// scalarEnd is where the value ends that a text begins with.
func scalarEnd(s string) int {
	if s[0] == '"' || s[0] == '\'' {
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && s[0] == '"':
				i++
			case s[i] == s[0]:
				return i + 1
			}
		}
		return len(s)
	}
	end := len(s)
	for _, stop := range []string{",", "}", " #"} {
		if i := strings.Index(s, stop); i >= 0 {
			end = min(end, i)
		}
	}
	return len(strings.TrimRight(s[:end], " \r"))
}
