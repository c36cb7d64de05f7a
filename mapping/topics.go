package mapping

import (
	"strings"

	"fieldmq/broker/mqtt"
)

// The topics of a device stand below root and its id. Below set and get it
// listens, on all others it speaks.
const (
	root   = "device/"
	status = "/status"
	info   = "/info"
	state  = "/state"
	health = "/health"
	event  = "/event"
	set    = "/set"
	get    = "/get"
	reply  = "/reply"
	shadow = "/shadow"
)

// own are the topics that each device has beside its points.
func own() []string {
	return []string{status, info, state, health, event, set, get, reply, shadow}
}

// reserved says whether a name is taken by the gateway and cannot be a point's.
func reserved(name string) bool {
	for _, suffix := range own() {
		if suffix[1:] == name {
			return true
		}
	}
	return false
}

// IsName says whether s is [a-z0-9][a-z0-9_-]*, as ids of devices and names
// of points are: they are levels of topics, and keys of JSON that templates
// reach without quotes.
func IsName(s string) bool {
	const first = "abcdefghijklmnopqrstuvwxyz0123456789"
	return s != "" && strings.IndexByte(first, s[0]) >= 0 && strings.Trim(s, first+"_-") == ""
}

// Status is the retained message that says whether a device answers, and the
// will of its session. It does not expire: the will ends it.
func Status(device string, online bool) mqtt.Message {
	word := "offline"
	if online {
		word = "online"
	}
	return mqtt.Message{
		Topic:       root + device + status,
		Payload:     []byte(word),
		QoS:         mqtt.AtLeastOnce,
		Retain:      true,
		UTF8:        true,
		ContentType: plain,
	}
}
