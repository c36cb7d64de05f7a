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
	Unit string `yaml:"unit" aka:"unit_of_measurement units"`
	// Scale is what the number that the device says is multiplied by:
	// value = raw * scale + offset. Default: 1.
	Scale float64 `yaml:"scale" aka:"factor multiplier"`
	// Offset is in the unit of the value; see scale. Default: 0.
	Offset float64 `yaml:"offset"`
	// Expr computes the value. With "value" in it the point's own reading, after
	// scale and offset, is changed: "value > 1 ? 2 - value : value". Without, the
	// point has no place, and is made of other points of its device: "import -
	// export". Names with a dash stand in brackets: [pump-1]. Default: none.
	Expr Expression `yaml:"expr"`
	// Counter keeps the total of a point that counts up, across roll-overs and
	// resets of the device and restarts of the gateway: true, or {wrap: 100000} for
	// one that begins again there. The total is kept in gateway.data once a minute
	// and at a stop. Default: false.
	Counter Counter `yaml:"counter"`
	// Round is the number of decimals, 0 to 12, to which the value is rounded.
	// Default: as many as raw, scale and offset have.
	Round *int `yaml:"round" check:"min=0,max=12" aka:"precision round_to"`
	// Enum gives the integers of the device their words, both ways:
	// {0: off, 1: heating, 2: fault}. A number without a word is an error.
	Enum Enum `yaml:"enum" aka:"enum_titles"`
	// Flags give bits of an integer their words, 0 the lowest: {0: hot, 3: fan}.
	// The value is the words of the bits that are set, in their order: "hot,fan",
	// or "none"; a bit without a word is bit7. A command is written likewise, and
	// sets all bits of the value. Default: none.
	Flags Flags `yaml:"flags"`
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
	// Read is whether the point is read at all. A register that only takes
	// commands is not: {read: false, write: true}. A device of which nothing is
	// read takes commands, but is never online, because nobody asks it.
	// Default: true.
	Read bool `yaml:"read"`
	// Refresh writes the last value that the point was given again and again, for
	// devices that forget it, as inverters do with setpoints. Default: 0s, once is
	// enough.
	Refresh configs.Duration `yaml:"refresh" check:"min=0s,max=1d"`
	// OnStop is written when the gateway stops in an orderly way, and when a
	// changed file has nothing at the point's place; keep leaves the device what it
	// has. Default: keep.
	OnStop *string `yaml:"on_stop"`
	// OnUplinkLost is written once when the connection to the upstreams has been
	// lost for a minute, or as told: {value: off, after: 5m, upstream: cloud}.
	// Default: nothing.
	OnUplinkLost Fallback `yaml:"on_uplink_lost"`
	// Home is what Home Assistant is told of the point.
	Home Home `yaml:"homeassistant"`
}

// NewRule is the rule of a point that says nothing for itself.
func NewRule(r Reporting) Rule { return Rule{Reporting: r, Scale: 1, Read: true} }

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
		r.validateWords(),
		r.validateTopic(),
		r.validateUnit(),
		r.validateExpr(),
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

func (r Rule) validateWords() error {
	if !r.worded() {
		return nil
	}
	faults := []error{r.Enum.validate(), r.Flags.validate()}
	if len(r.Enum) > 0 && len(r.Flags) > 0 {
		faults = append(faults, configs.Bad("flags", "does not go with enum: an integer has one of its words, or all of its flags"))
	}
	if key := r.numeric(); key != "" {
		faults = append(faults, configs.Bad(key, "does not go with %s, whose values are words", r.wordKey()))
	}
	return errors.Join(faults...)
}

// worded says whether an integer is published as words.
func (r *Rule) worded() bool { return r.wordKey() != "" }

// wordKey is the key that makes words of an integer; empty if there is none.
func (r *Rule) wordKey() string {
	switch {
	case len(r.Enum) > 0:
		return "enum"
	case len(r.Flags) > 0:
		return "flags"
	}
	return ""
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

func (r Rule) validateExpr() error {
	if r.Expr.Given() && r.Write.Allowed {
		return configs.Bad("expr", "a value that is computed cannot be written; remove write")
	}
	return nil
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
