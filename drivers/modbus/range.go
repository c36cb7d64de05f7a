package modbus

import (
	"fmt"
	"strings"

	"fieldmq/configs"
)

// Range is a range of registers or bits, both ends included.
type Range struct{ First, Last int }

// UnmarshalConfig reads "100-110", 57 or [100, 110].
func (r *Range) UnmarshalConfig(n *configs.Node) {
	if n.Kind() == configs.List {
		var ends []int
		n.Decode(&ends)
		if len(ends) == 2 && 0 <= ends[0] && ends[0] <= ends[1] {
			*r = Range{ends[0], ends[1]}
			return
		}
		n.Bad("", "is not a range such as [100, 110]")
		return
	}
	var text string
	n.Decode(&text)
	if err := r.UnmarshalText([]byte(text)); err != nil && text != "" {
		n.Bad("", "%s", err)
	}
}

// ConfigForms are a text, a number or a list of two numbers.
func (Range) ConfigForms() []any { return []any{"", 0, []int{}} }

// UnmarshalText reads "100-110" or "57"; numbers may be hexadecimal.
func (r *Range) UnmarshalText(text []byte) error {
	first, last, two := strings.Cut(string(text), "-")
	if !two {
		last = first
	}
	a, errA := number(strings.TrimSpace(first))
	b, errB := number(strings.TrimSpace(last))
	if errA != nil || errB != nil || a > b || b >= registers {
		return fmt.Errorf("%q is not a range such as 100-110, or one number", text)
	}
	r.First, r.Last = int(a), int(b)
	return nil
}

// MarshalText writes String.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String is "100-110", or "57" for a range of one.
func (r Range) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// meets says whether the range has anything in common with first..end-1.
func (r Range) meets(first, end int) bool { return r.First < end && first <= r.Last }
