package mqtt

import (
	"strings"
	"unicode/utf8"
)

// MaxTopic is the length in bytes of the longest topic name or filter.
// [MQTT-4.7.3-3]
const MaxTopic = 65535

// ValidString says whether s may stand in a packet as a UTF-8 encoded string:
// well formed, without surrogates and without U+0000. [MQTT-1.5.4-1] [MQTT-1.5.4-2]
func ValidString(s string) bool {
	return len(s) <= MaxTopic && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// ValidTopic says whether s may be published to: not empty and free of
// wildcards. [MQTT-3.3.2-2] [MQTT-4.7.3-1]
func ValidTopic(s string) bool {
	return s != "" && ValidString(s) && !strings.ContainsAny(s, "+#")
}

// Filter is a topic filter, perhaps with wildcards.
type Filter string

// Valid says whether the filter is well formed: "#" stands alone in the last
// level, "+" alone in its level. [MQTT-4.7.1-1] [MQTT-4.7.1-2]
func (f Filter) Valid() bool {
	if f == "" || !ValidString(string(f)) {
		return false
	}
	for rest, more := string(f), true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" && more {
			return false
		}
		if len(level) > 1 && strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return true
}

// Match says whether the filter takes the topic. Wildcards in the first level
// do not take topics that begin with "$". [MQTT-4.7.2-1]
func (f Filter) Match(topic string) bool {
	filter := string(f)
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		want, filterRest, filterMore := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		level, topicRest, topicMore := strings.Cut(topic, "/")
		if want != "+" && want != level {
			return false
		}
		if !topicMore {
			// "sport/#" takes "sport" too. [MQTT-4.7.1-2]
			return !filterMore || filterRest == "#"
		}
		if !filterMore {
			return false
		}
		filter, topic = filterRest, topicRest
	}
}

// sharePrefix is the first level of a shared subscription's filter.
const sharePrefix = "$share/"

// Split takes the share name off the filter of a shared subscription,
// "$share/<name>/<filter>"; of any other filter the name is empty.
func (f Filter) Split() (share string, filter Filter) {
	rest, shared := strings.CutPrefix(string(f), sharePrefix)
	if !shared {
		return "", f
	}
	share, after, _ := strings.Cut(rest, "/")
	return share, Filter(after)
}

// Subscribable says whether the filter may stand in a SUBSCRIBE: valid, and if
// it is a shared subscription, with a share name of at least one character
// without wildcards and a valid filter behind it. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
func (f Filter) Subscribable() bool {
	if !strings.HasPrefix(string(f), sharePrefix) {
		return f.Valid()
	}
	share, filter := f.Split()
	return share != "" && !strings.ContainsAny(share, "+#") && ValidString(string(f)) && filter.Valid()
}
