package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes that is written with its unit: 512KiB, 10MB, 2GiB.
// Like a Duration it needs one.
type Size int64

// sizeUnits are the units, the largest first.
var sizeUnits = [...]struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12},
	{"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"kB", 1e3},
	{"B", 1},
}

// UnmarshalText reads a whole number and its unit.
func (s *Size) UnmarshalText(text []byte) error {
	written := string(text)
	digits := strings.TrimRight(written, "BKMGTki")
	number, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return fmt.Errorf("%s is not a size such as 512KiB, 10MB or 2GiB", quote(written))
	}
	if digits == written {
		return fmt.Errorf("%s has no unit; write %sMiB or %sB", written, written, written)
	}
	for _, unit := range sizeUnits {
		if written[len(digits):] != unit.name {
			continue
		}
		if number > uint64(math.MaxInt64/unit.bytes) {
			return fmt.Errorf("%s is too large", written)
		}
		*s = Size(int64(number) * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a unit; the units are B, kB, KiB, MB, MiB, GB, GiB, TB and TiB", written[len(digits):])
}

// String writes the size in the largest unit that it is a multiple of.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s != 0 && int64(s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.name
		}
	}
	return "0B"
}

// MarshalText writes String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
