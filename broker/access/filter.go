package access

import (
	"strings"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// resolve puts the client's names into filters. A filter whose name could make
// it wider is left out.
func resolve(list []mqtt.Filter, p *broker.Peer) []mqtt.Filter {
	names := strings.NewReplacer("%u", p.User, "%c", p.ClientID) // in one pass: a name is not looked into
	var resolved []mqtt.Filter
	for _, f := range list {
		text := string(f)
		if strings.Contains(text, "%u") && !plain(p.User) || strings.Contains(text, "%c") && !plain(p.ClientID) {
			continue
		}
		resolved = append(resolved, mqtt.Filter(names.Replace(text)))
	}
	return resolved
}

// resolveDenied is resolve for what is denied: a filter whose name could make it
// another one is wider.
func resolveDenied(list []mqtt.Filter, p *broker.Peer) []mqtt.Filter {
	var resolved []mqtt.Filter
	for _, f := range list {
		if one := resolve([]mqtt.Filter{f}, p); one != nil {
			resolved = append(resolved, one...)
			continue
		}
		before, _, _ := strings.Cut(string(f), "%")
		resolved = append(resolved, mqtt.Filter(before[:strings.LastIndex(before, "/")+1]+"#"))
	}
	return resolved
}

// plain says whether a name may stand in a filter: it is one level, or a part
// of one, and means itself.
func plain(name string) bool {
	return name != "" && name[0] != '$' && !strings.ContainsAny(name, "+#/") && mqtt.ValidString(name)
}

// meet says whether there is a topic that both filters take. Both are valid.
func meet(one, other mqtt.Filter) bool {
	a, b := string(one), string(other)
	if a[0] == '$' && (b[0] == '+' || b[0] == '#') || b[0] == '$' && (a[0] == '+' || a[0] == '#') { // [MQTT-4.7.2-1]
		return false
	}
	for {
		x, aRest, aMore := strings.Cut(a, "/")
		y, bRest, bMore := strings.Cut(b, "/")
		switch {
		case x == "#" || y == "#":
			return true
		case x != y && x != "+" && y != "+":
			return false
		case !aMore || !bMore: // "a/#" takes "a" too
			return aMore == bMore || aRest == "#" || bRest == "#"
		}
		a, b = aRest, bRest
	}
}

// within says whether every topic that asked takes is taken by allowed too.
// Both are valid filters.
func within(allowed, asked mqtt.Filter) bool {
	a, f := string(allowed), string(asked)
	if strings.HasPrefix(f, "$") && (a[0] == '+' || a[0] == '#') { // [MQTT-4.7.2-1]
		return false
	}
	for {
		may, aRest, aMore := strings.Cut(a, "/")
		if may == "#" {
			return true
		}
		level, fRest, fMore := strings.Cut(f, "/")
		if level == "#" || may != "+" && may != level {
			return false
		}
		switch {
		case !fMore: // "a/#" takes "a" too
			return !aMore || aRest == "#"
		case !aMore:
			return false
		}
		a, f = aRest, fRest
	}
}
