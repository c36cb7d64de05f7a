package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
)

// Enum gives integers their words.
type Enum map[int64]string

const mostWord = 64 // bytes of a word

// Words is the words in the order of their integers.
func (e Enum) Words() []string {
	words := make([]string, 0, len(e))
	for _, raw := range slices.Sorted(maps.Keys(e)) {
		words = append(words, e[raw])
	}
	return words
}

// validate finds words that cannot be told apart or printed.
func (e Enum) validate() error {
	var faults []error
	seen := make(map[string]bool, len(e))
	for _, word := range e.Words() {
		if !isWord(word) {
			faults = append(faults, configs.Bad("enum", "%s is no word", quote(word)))
		}
		if seen[word] {
			faults = append(faults, configs.Bad("enum", "%s stands for two numbers", quote(word)))
		}
		seen[word] = true
	}
	return errors.Join(faults...)
}

// within finds numbers that a device cannot say, because they are not in what the
// type of the point holds.
func (e Enum) within(lowest int64, highest uint64) error {
	var faults []error
	for _, raw := range slices.Sorted(maps.Keys(e)) {
		if raw < lowest || raw > 0 && uint64(raw) > highest {
			faults = append(faults, configs.Bad("enum", "%d is not from %d to %d, which is what the point holds", raw, lowest, highest))
		}
	}
	return errors.Join(faults...)
}

// isWord says whether a text can be published and recognised.
func isWord(s string) bool {
	return s != "" && len(s) <= mostWord && s == strings.TrimSpace(s) && mqtt.ValidString(s)
}

// enum is the codec of an Enum.
type enum struct {
	words Enum
	raws  map[string]int64
	list  string // "off, heating, fault", for errors
}

func newEnum(words Enum) *enum {
	raws := make(map[string]int64, len(words))
	for raw, word := range words {
		raws[word] = raw
	}
	return &enum{words: words, raws: raws, list: strings.Join(words.Words(), ", ")}
}

// encode refuses a number that has no word: whoever reads words could only
// misread it. The error carries the number for the technician.
func (e *enum) encode(b []byte, raw drivers.Value) ([]byte, error) {
	if raw.Kind() == drivers.KindInt {
		if word, ok := e.words[raw.Int()]; ok {
			return append(b, word...), nil
		}
	}
	return b, fmt.Errorf("%s has no word in the enum", quote(raw.String()))
}

func (e *enum) decode(text string) (drivers.Value, error) {
	raw, ok := e.raws[strings.TrimSpace(text)]
	if !ok {
		return drivers.Value{}, fmt.Errorf("%s is none of %s", quote(text), e.list)
	}
	return drivers.Int(raw), nil
}
