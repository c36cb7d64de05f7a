package mapping

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// read decodes the YAML of one point.
func read(text string) (Rule, []string) {
	rule := NewRule(DefaultReporting())
	d := configs.Parse("site.yaml", []byte(text), func(string) (string, bool) { return "", false })
	d.Root().Decode(&rule)
	var faults []string
	for _, f := range d.Faults() {
		faults = append(faults, f.String())
	}
	return rule, faults
}

func TestRulesAreReadFromYAML(t *testing.T) {
	for _, c := range []struct {
		name, text string
		change     func(*Rule)
	}{
		{"keeps the defaults", "unit: Cel", func(r *Rule) { r.Unit = "Cel" }},
		{"scales and rounds", "{scale: -0.1, offset: 40, round: 0}",
			func(r *Rule) { r.Scale, r.Offset, r.Round = -0.1, 40, ptr(0) }},
		{"takes an absolute deadband", "deadband: 0.2", func(r *Rule) { r.Deadband = Deadband{Width: 0.2} }},
		{"takes a deadband in percent", "deadband: 1.5%", func(r *Rule) { r.Deadband = Deadband{1.5, true} }},
		{"reports as told", "{heartbeat: 5m, expire: never, qos: 2, retain: false}", func(r *Rule) {
			r.Reporting = Reporting{Heartbeat: seconds(300), Expire: Never, QoS: mqtt.ExactlyOnce}
		}},
		{"takes an expiry", "expire: 7d", func(r *Rule) { r.Expire = Expiry(7 * 24 * time.Hour) }},
		{"keeps on and off as words", "enum: {0: off, 1: on, 0x10: yes, -1: fault}",
			func(r *Rule) { r.Enum = Enum{-1: "fault", 0: "off", 1: "on", 16: "yes"} }},
		{"allows writing", "write: true", func(r *Rule) { r.Write.Allowed = true }},
		{"forbids writing", "write: false", func(*Rule) {}},
		{"allows writing within bounds", "write: {min: 30, max: 85, step: 0.5}", func(r *Rule) {
			r.Write = Write{true, Limits{ptr(30.0), ptr(85.0), ptr(0.5)}}
		}},
		{"allows writing with one bound", "write: {min: 0}", func(r *Rule) { r.Write = Write{true, Limits{Min: ptr(0.0)}} }},
		{"inverts", "invert: true", func(r *Rule) { r.Invert = true }},
		{"takes a topic", "topic: heating/flow", func(r *Rule) { r.Topic = "heating/flow" }},
	} {
		want := NewRule(DefaultReporting())
		c.change(&want)
		got, faults := read(c.text)
		if !reflect.DeepEqual(got, want) || faults != nil {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.name, got, faults, want)
		}
	}
}

func TestFaultyRulesAreShownAtTheirPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"deadband: 1 V", `site.yaml:1:11: deadband: "1 V" is neither a number such as 0.2 nor a share such as 1%`},
		{"deadband: -1", `site.yaml:1:11: deadband: -1 is negative`},
		{"deadband: 101%", `site.yaml:1:11: deadband: 101% is more than the whole value`},
		{"deadband: nan", `site.yaml:1:11: deadband: "nan" is neither a number such as 0.2 nor a share such as 1%`},
		{"{scale: 0}", `site.yaml:1:9: scale: 0 is not between 1e-12 and 1e+12, of either sign`},
		{"unit: V\nexpire: 10s", `site.yaml:2:9: expire: 10s is not longer than the heartbeat of 1m`},
		{"write: {min: 5, max: 4}", `site.yaml:1:14: write.min: 5 is above max, 4`},
		{"write: {min: 5, step: 0}", `site.yaml:1:23: write.step: 0 is not above zero`},
		{"topic: a/#", `site.yaml:1:8: topic: "a/#" has a wildcard; values are published on one topic`},
		{"{enum: {0: off, 1: off}}", `site.yaml:1:8: enum: "off" stands for two numbers`},
	} {
		_, faults := read(c.text)
		if got := strings.Join(faults, "\n"); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestFaultsOfTypesAreFound(t *testing.T) {
	for _, text := range []string{
		"qos: 3", "round: 13", "retain: 7", "heartbeat: 60", "expire: soon", "write: 7", "write: {maximum: 3}",
		"enum: {a: 1}", "enum: [off]", "scale: fast", "speed: 3",
	} {
		if rule, faults := read(text); len(faults) != 1 {
			t.Errorf("%s: got %v, %+v", text, faults, rule)
		}
	}
}

func TestScalarsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, text := range []string{"0.2", "1%", "0", "12.5%"} {
		var d Deadband
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if got, _ := d.MarshalText(); string(got) != text {
			t.Errorf("deadband %s is written %s", text, got)
		}
	}
	for _, text := range []string{"never", "5m", "1h30m"} {
		var e Expiry
		if err := e.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if got, _ := e.MarshalText(); string(got) != text {
			t.Errorf("expiry %s is written %s", text, got)
		}
	}
}
