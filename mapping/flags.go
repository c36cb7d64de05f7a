package mapping

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// Flags gives bits of an integer their words: 0 is the lowest bit.
type Flags map[int]string

// noFlag is the text of a value none of whose bits is set, for an empty payload
// would take the topic off the broker.
const noFlag = "none"

// separator stands between the words of a value.
const separator = ","

// Words is the words in the order of their bits.
func (f Flags) Words() []string {
	words := make([]string, 0, len(f))
	for _, bit := range slices.Sorted(maps.Keys(f)) {
		words = append(words, f[bit])
	}
	return words
}

// validate finds bits that there are not, and words that cannot be told apart.
func (f Flags) validate() error {
	var faults []error
	seen := make(map[string]bool, len(f))
	for _, bit := range slices.Sorted(maps.Keys(f)) {
		word := f[bit]
		_, number := bitOf(word)
		switch {
		case bit < 0 || bit > 63:
			faults = append(faults, configs.Bad("flags", "there is no bit %d; bits are 0 (the lowest) to 63", bit))
		case !isWord(word) || strings.Contains(word, separator):
			faults = append(faults, configs.Bad("flags", "%s is no word", quote(word)))
		case word == noFlag || number:
			faults = append(faults, configs.Bad("flags", "%s has a meaning already: none is no bit, and bit7 one without a word", quote(word)))
		case seen[word]:
			faults = append(faults, configs.Bad("flags", "%s stands for two bits", quote(word)))
		}
		seen[word] = true
	}
	return errors.Join(faults...)
}

// within finds bits that the point has not, whose largest integer is that.
func (f Flags) within(highest uint64) error {
	var faults []error
	for _, bit := range slices.Sorted(maps.Keys(f)) {
		if last := bits.Len64(highest) - 1; bit > last {
			faults = append(faults, configs.Bad("flags", "there is no bit %d; the bits of the point are 0 (the lowest) to %d", bit, last))
		}
	}
	return errors.Join(faults...)
}

// bitOf reads "bit7", which is how a bit without a word is written.
func bitOf(word string) (bit int, ok bool) {
	digits, ok := strings.CutPrefix(word, "bit")
	bit, err := strconv.Atoi(digits)
	return bit, ok && err == nil && 0 <= bit && bit <= 63
}

// flags is the codec of Flags: "hot,fan", or "none".
type flags struct {
	words Flags
	bits  map[string]int
}

func newFlags(words Flags) *flags {
	bits := make(map[string]int, len(words))
	for bit, word := range words {
		bits[word] = bit
	}
	return &flags{words: words, bits: bits}
}

func (f *flags) encode(b []byte, raw drivers.Value) ([]byte, error) {
	if raw.Kind() == drivers.KindInt && raw.Int() < 0 {
		return b, fmt.Errorf("%v is negative, and flags are bits: the type is to be unsigned", raw)
	}
	set := raw.Uint()
	if set == 0 {
		return append(b, noFlag...), nil
	}
	for first := true; set != 0; first = false {
		bit := bits.TrailingZeros64(set)
		set &^= 1 << bit
		if !first {
			b = append(b, separator...)
		}
		if word, ok := f.words[bit]; ok {
			b = append(b, word...)
			continue
		}
		b = strconv.AppendInt(append(b, "bit"...), int64(bit), 10)
	}
	return b, nil
}

func (f *flags) decode(text string) (drivers.Value, error) {
	text = strings.TrimSpace(text)
	if text == noFlag {
		return drivers.Uint(0), nil
	}
	var set uint64
	for word := range strings.SplitSeq(text, separator) {
		word = strings.TrimSpace(word)
		bit, ok := f.bits[word]
		if !ok {
			bit, ok = bitOf(word)
		}
		if !ok {
			return drivers.Value{}, fmt.Errorf("%s is none of %s, %s", quote(word), noFlag, strings.Join(f.words.Words(), ", "))
		}
		set |= 1 << bit
	}
	return drivers.Uint(set), nil
}
