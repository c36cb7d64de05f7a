package configs

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

var errLeadingZero = errors.New("begins with a zero, which some programs read as octal")

// Integer is a whole number from -2^63 to 2^64-1.
type Integer struct {
	negative  bool
	magnitude uint64
}

// parseInteger reads decimal digits, or hexadecimal ones behind 0x.
func parseInteger(s string) (Integer, error) {
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	hex, isHex := strings.CutPrefix(digits, "0x")
	base := 10
	if isHex {
		digits, base = hex, 16
	}
	magnitude, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && negative && magnitude > 1<<63:
		return Integer{}, fmt.Errorf("%s is too large", s)
	case err != nil:
		return Integer{}, fmt.Errorf("%s is not a whole number", quote(s))
	case !isHex && len(digits) > 1 && digits[0] == '0':
		return Integer{}, fmt.Errorf("%s %w; write %d", s, errLeadingZero, magnitude)
	}
	return Integer{negative: negative && magnitude > 0, magnitude: magnitude}, nil
}

// String is the number in decimal.
func (i Integer) String() string {
	digits := strconv.FormatUint(i.magnitude, 10)
	if i.negative {
		return "-" + digits
	}
	return digits
}

func (i Integer) signed() int64 {
	if i.negative {
		return -int64(i.magnitude)
	}
	return int64(i.magnitude)
}

func (i Integer) float() float64 {
	if i.negative {
		return -float64(i.magnitude)
	}
	return float64(i.magnitude)
}

func (i Integer) less(j Integer) bool {
	if i.negative != j.negative {
		return i.negative
	}
	return i.magnitude != j.magnitude && (i.magnitude < j.magnitude) != i.negative
}

func (i Integer) within(low, high Integer) bool { return !i.less(low) && !high.less(i) }

// IntegerBounds are the smallest and the largest number that a type of integer
// holds and its check allows.
func IntegerBounds(t reflect.Type, check Check) (low, high Integer) {
	bits := t.Bits()
	switch t.Kind() {
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		high.magnitude = math.MaxUint64 >> (64 - bits)
	default:
		low = Integer{negative: true, magnitude: 1 << (bits - 1)}
		high.magnitude = 1<<(bits-1) - 1
	}
	least, most := low, high
	if check.Min != "" {
		low = bound(check.Min, least, most)
	}
	if check.Max != "" {
		high = bound(check.Max, least, most)
	}
	return low, high
}

// bound reads a bound; what the type cannot hold on this machine is cut.
func bound(text string, least, most Integer) Integer {
	i, err := parseInteger(text)
	must(err)
	switch {
	case i.less(least):
		return least
	case most.less(i):
		return most
	}
	return i
}
