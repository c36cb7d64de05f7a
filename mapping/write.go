package mapping

import (
	"errors"
	"math"

	"fieldmq/configs"
)

// Write says whether and within what bounds a point may be written. In YAML it
// is true, false, or the bounds: {min: 30, max: 85, step: 0.5}.
type Write struct {
	Allowed bool
	Limits  Limits
}

// UnmarshalConfig reads either form.
func (w *Write) UnmarshalConfig(n *configs.Node) {
	if n.Kind() == configs.Mapping {
		*w = Write{Allowed: true}
		n.Decode(&w.Limits)
		return
	}
	*w = Write{}
	n.Decode(&w.Allowed)
}

// ConfigForms is what may be written, for the schema.
func (Write) ConfigForms() []any { return []any{false, Limits{}} }

// Limits are the bounds of what may be written, in the unit of the point, after
// scale and offset. What is nil does not bound.
type Limits struct {
	// Min is the smallest value that may be written. Default: none.
	Min *float64 `yaml:"min"`
	// Max is the largest value that may be written. Default: none.
	Max *float64 `yaml:"max"`
	// Step is what values must be a multiple of, counted from min.
	// Default: any value that the register can hold.
	Step *float64 `yaml:"step"`
}

// Validate finds bounds that nothing can meet.
func (l Limits) Validate() error {
	var faults []error
	for _, bound := range []struct {
		key   string
		value *float64
	}{{"min", l.Min}, {"max", l.Max}, {"step", l.Step}} {
		if bound.value != nil && !(math.Abs(*bound.value) <= math.MaxFloat64) {
			faults = append(faults, configs.Bad(bound.key, "%v is not a number", *bound.value))
		}
	}
	if l.Min != nil && l.Max != nil && *l.Min > *l.Max {
		faults = append(faults, configs.Bad("min", "%v is above max, %v", *l.Min, *l.Max))
	}
	if l.Step != nil && *l.Step <= 0 {
		faults = append(faults, configs.Bad("step", "%v is not above zero", *l.Step))
	}
	return errors.Join(faults...)
}

// first is the first key that is given, empty if there is none.
func (l Limits) first() string {
	switch {
	case l.Min != nil:
		return "write.min"
	case l.Max != nil:
		return "write.max"
	case l.Step != nil:
		return "write.step"
	}
	return ""
}
