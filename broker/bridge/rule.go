package bridge

import (
	"fmt"
	"slices"
	"strings"

	"fieldmq/broker/mqtt"
)

// rule carries topics from one side to the other: what a wildcard of from
// takes, the same wildcard of to stands for.
type rule struct {
	from, to mqtt.Filter // to empty: topics stay as they are
	qos      mqtt.QoS
}

// target is the filter that takes all that the rule makes.
func (r *rule) target() mqtt.Filter {
	if r.to == "" {
		return r.from
	}
	return r.to
}

// apply is the topic on the other side; it fails if the rule does not take
// this one.
func (r *rule) apply(topic string) (string, bool) {
	if !r.from.Match(topic) {
		return "", false
	}
	if r.to == "" || r.to == r.from {
		return topic, true
	}
	return fill(r.to, captures(r.from, topic)), true
}

// reverse is a rule for the way back.
func (r *rule) reverse() *rule { return &rule{from: r.target(), to: r.from, qos: r.qos} }

// carry finds the first rule that takes the topic.
func carry(rules []rule, topic string) (to string, by *rule) {
	for i := range rules {
		if to, ok := rules[i].apply(topic); ok {
			return to, &rules[i]
		}
	}
	return "", nil
}

// wildcards are those of a filter, in order.
func wildcards(f mqtt.Filter) []string {
	return slices.DeleteFunc(strings.Split(string(f), "/"), func(level string) bool { return level != "+" && level != "#" })
}

// captures are what the wildcards of a filter took of a topic that it matches.
// What "#" took is empty or begins with a slash: "sport/#" takes "sport", too.
// [MQTT-4.7.1-2]
func captures(f mqtt.Filter, topic string) []string {
	var taken []string
	rest := "/" + topic
	for level := range strings.SplitSeq(string(f), "/") {
		if level == "#" {
			return append(taken, rest)
		}
		word, _, _ := strings.Cut(rest[1:], "/")
		if level == "+" {
			taken = append(taken, word)
		}
		rest = rest[1+len(word):]
	}
	return taken
}

// fill puts what was taken in the place of the wildcards.
func fill(f mqtt.Filter, taken []string) string {
	var b strings.Builder
	for level := range strings.SplitSeq(string(f), "/") {
		if level == "#" {
			b.WriteString(taken[0])
			break
		}
		if level == "+" {
			level, taken = taken[0], taken[1:]
		}
		b.WriteString("/" + level)
	}
	return strings.TrimPrefix(b.String(), "/")
}

// keyOf is an entry of a list for configs.Bad.
func keyOf(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
