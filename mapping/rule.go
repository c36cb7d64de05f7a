package mapping

import (
	"errors"
	"math"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// Rule is what the configuration says of a point beside its place on the bus.
// Start from NewRule: the zero Rule has a scale of zero, which Validate refuses.
type Rule struct {
	Reporting `yaml:",inline"`

	// Unit is the unit of the value as a UCUM code: Cel, V, kW.h. It stands in
	// info and changes nothing. Default: none.
	Unit string `yaml:"unit"`
	// Scale is what the number that the device says is multiplied by:
	// value = raw * scale + offset. Default: 1.
	Scale float64 `yaml:"scale"`
	// Offset is in the unit of the value; see scale. Default: 0.
	Offset float64 `yaml:"offset"`
	// Round is the number of decimals, 0 to 12, to which the value is rounded.
	// Default: as many as raw, scale and offset have.
	Round *int `yaml:"round" check:"min=0,max=12"`
	// Enum gives the integers of the device their words, both ways:
	// {0: off, 1: heating, 2: fault}. A number without a word is an error.
	Enum Enum `yaml:"enum"`
	// Invert turns a bool around: a contact that opens is true. Default: false.
	Invert bool `yaml:"invert"`
	// Event publishes each change on device/<id>/event too, for button presses,
	// contacts and alarms: {"ts":1795209372123,"point":"open","value":true}. It is
	// not retained. Default: false.
	Event bool `yaml:"event"`
	// Topic replaces device/<id>/<point>; commands go to <topic>/set.
	Topic string `yaml:"topic"`
	// Write lets the point be written: true, or the bounds {min, max, step} in
	// the unit of the value. Default: false.
	Write Write `yaml:"write"`
}

// NewRule is the rule of a point that says nothing for itself.
func NewRule(r Reporting) Rule { return Rule{Reporting: r, Scale: 1} }

// Scale and offset keep to a range in which no value of a sensor overflows.
const (
	leastScale = 1e-12
	mostScale  = 1e12
	mostRound  = 12
	mostUnit   = 64 // bytes
)

// Validate finds keys that are wrong by themselves or contradict each other,
// whatever the point is. Reporting has its own.
func (r Rule) Validate() error {
	return errors.Join(
		r.validateNumber(),
		r.validateEnum(),
		r.validateTopic(),
		r.validateUnit(),
	)
}

func (r Rule) validateNumber() error {
	var faults []error
	if size := math.Abs(r.Scale); !(size >= leastScale && size <= mostScale) {
		faults = append(faults, configs.Bad("scale", "%v is not between %g and %g, of either sign",
			r.Scale, leastScale, mostScale))
	}
	if !(math.Abs(r.Offset) <= mostScale) {
		faults = append(faults, configs.Bad("offset", "%v is beyond %g", r.Offset, mostScale))
	}
	if r.Round != nil && (*r.Round < 0 || *r.Round > mostRound) {
		faults = append(faults, configs.Bad("round", "%d is not between 0 and %d decimals", *r.Round, mostRound))
	}
	return errors.Join(faults...)
}

func (r Rule) validateEnum() error {
	if len(r.Enum) == 0 {
		return nil
	}
	faults := []error{r.Enum.validate()}
	if key := r.numeric(); key != "" {
		faults = append(faults, configs.Bad(key, "does not go with enum, whose values are words"))
	}
	return errors.Join(faults...)
}

// numeric is the first key that only a number can have, empty if there is none.
func (r Rule) numeric() string {
	switch {
	case r.Scale != 1:
		return "scale"
	case r.Offset != 0:
		return "offset"
	case r.Round != nil:
		return "round"
	}
	return r.Write.Limits.first()
}

func (r Rule) validateTopic() error {
	switch {
	case r.Topic == "":
		return nil
	case strings.ContainsAny(r.Topic, "+#"):
		return configs.Bad("topic", "%s has a wildcard; values are published on one topic", quote(r.Topic))
	case !mqtt.ValidTopic(r.Topic + set):
		return configs.Bad("topic", "%s is no topic name", quote(r.Topic))
	case strings.HasPrefix(r.Topic, "$"):
		return configs.Bad("topic", "%s begins with $, which is the broker's", quote(r.Topic))
	case strings.HasPrefix(r.Topic, root) && reserved(r.Topic[strings.LastIndexByte(r.Topic, '/')+1:]):
		return configs.Bad("topic", "%s is a topic of the gateway itself", quote(r.Topic))
	}
	return nil
}

func (r Rule) validateUnit() error {
	if len(r.Unit) > mostUnit || !mqtt.ValidString(r.Unit) {
		return configs.Bad("unit", "%s is no UCUM code such as Cel, V or kW.h", quote(r.Unit))
	}
	return nil
}
