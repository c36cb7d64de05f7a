package mqtt

import (
	"strings"
	"testing"
)

func TestTopicsThatMayBePublishedTo(t *testing.T) { // [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-1.5.4-1]
	for topic, want := range map[string]bool{
		"a": true, "/": true, "a//b": true, " ": true, "ü/é": true, "$SYS/x": true, strings.Repeat("a", MaxTopic): true,
		"": false, "+": false, "a/#": false, "a+b": false, "a\x00": false, "\xff": false, "\xed\xa0\x80": false,
		strings.Repeat("a", MaxTopic+1): false,
	} {
		if got := ValidTopic(topic); got != want {
			t.Errorf("%.20q: %v", topic, got)
		}
	}
}

func TestFiltersThatMayBeSubscribedTo(t *testing.T) { // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
	for filter, want := range map[Filter]bool{
		"a": true, "#": true, "+": true, "a/#": true, "+/+": true, "/+": true, "a/+/b": true, "$share": true, "$share/g/a": true,
		"$share/g//": true, "$share/g/#": true,
		"": false, "a#": false, "#/a": false, "a/#/b": false, "a+": false, "+a/b": false, "a\x00": false,
		"$share/": false, "$share/g": false, "$share/g/": false, "$share//a": false, "$share/+/a": false, "$share/g#/a": false, "$share/g/a#": false,
	} {
		if got := filter.Subscribable(); got != want {
			t.Errorf("%q: %v", filter, got)
		}
	}
}

func TestFiltersMatch(t *testing.T) { // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1]
	for _, c := range []struct {
		filter Filter
		topic  string
		want   bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/b", "a/B", false},
		{"#", "a/b", true}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "ab", false},
		{"+", "a", true}, {"+", "/a", false}, {"/+", "/a", true}, {"+/+", "/a", true}, {"a/+", "a", false}, {"a/+", "a/", true},
		{"a/+/c", "a/b/c", true}, {"a/+/c", "a/b/d", false}, {"+/#", "a", true},
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true}, {"$SYS/+", "$SYS/x", true},
	} {
		if got := c.filter.Match(c.topic); got != c.want {
			t.Errorf("%q and %q: %v", c.filter, c.topic, got)
		}
	}
}

func TestSharedFiltersAreSplit(t *testing.T) { // MQTT 4.8.2
	for filter, want := range map[Filter][2]string{
		"a/b": {"", "a/b"}, "$share/g/a/b": {"g", "a/b"}, "$shared/g/a": {"", "$shared/g/a"}, "$share/g": {"g", ""},
	} {
		share, rest := filter.Split()
		if got := [2]string{share, string(rest)}; got != want {
			t.Errorf("%q: got %q", filter, got)
		}
	}
}

// FuzzFilter: matching neither panics nor disagrees with what a filter means at
// its edges.
func FuzzFilter(f *testing.F) {
	f.Add("a/+/#", "a/b")
	f.Add("$share/g/#", "$SYS/x")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		f := Filter(filter)
		matched := f.Match(topic)
		if ValidTopic(topic) {
			if !Filter(topic).Match(topic) {
				t.Errorf("%q does not take itself", topic)
			}
			if got := Filter("#").Match(topic); got == strings.HasPrefix(topic, "$") {
				t.Errorf("# and %q: %v", topic, got)
			}
			if matched && f.Valid() && !strings.ContainsAny(filter, "+#") && filter != topic {
				t.Errorf("%q takes %q", filter, topic)
			}
		}
		if share, rest := f.Split(); f.Subscribable() && share != "" && string(f) != sharePrefix+share+"/"+string(rest) {
			t.Errorf("%q is split into %q and %q", f, share, rest)
		}
	})
}
