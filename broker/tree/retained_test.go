package tree

import (
	"fmt"
	"slices"
	"testing"

	"fieldmq/broker/mqtt"
)

func hold(r *Retained[string], topics ...string) {
	for _, topic := range topics {
		r.Put(topic, topic, 1000)
	}
}

func TestRetainedTopicsAreFoundByFilter(t *testing.T) {
	var r Retained[string]
	hold(&r, "a", "a/b", "a/b/c", "a/c", "/a", "b/b", "$SYS/x", "$SYS/x/y", "a/")
	for filter, want := range map[mqtt.Filter][]string{
		"a":       {"a"},
		"a/b":     {"a/b"},
		"a/#":     {"a", "a/", "a/b", "a/b/c", "a/c"},
		"a/+":     {"a/", "a/b", "a/c"},
		"+":       {"a"},
		"+/b":     {"a/b", "b/b"},
		"#":       {"/a", "a", "a/", "a/b", "a/b/c", "a/c", "b/b"}, // [MQTT-4.7.2-1]
		"+/x":     {},
		"$SYS/#":  {"$SYS/x", "$SYS/x/y"},
		"$SYS/+":  {"$SYS/x"},
		"a/+/c/#": {"a/b/c"},
		"none":    {},
	} {
		if got := r.Match(filter); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}

func TestRetainedIsReplacedAndRemoved(t *testing.T) {
	var r Retained[string]
	r.Put("a/b", "1", 10)
	r.Put("a/b", "2", 10)
	if v, ok := r.Get("a/b"); !ok || v != "2" || r.Len() != 1 {
		t.Errorf("got %q, %v of %d", v, ok, r.Len())
	}
	r.DeleteFunc(func(v string) bool { return v == "1" })
	if _, ok := r.Get("a/b"); !ok {
		t.Error("another value was removed")
	}
	r.Delete("a/b")
	r.Delete("a/b")
	if _, ok := r.Get("a/b"); ok || r.Len() != 0 || len(r.root.children) != 0 {
		t.Errorf("something is left: %v", r.root.children)
	}
}

func TestRemovingATopicKeepsThoseAboveAndBelow(t *testing.T) {
	var r Retained[string]
	hold(&r, "a", "a/b", "a/b/c")
	r.Delete("a/b")
	if got, want := r.Match("#"), []string{"a", "a/b/c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRetainedTakesNoMoreTopicsThanItMay(t *testing.T) {
	var r Retained[string]
	if !r.Put("a", "1", 1) || r.Put("b", "1", 1) || !r.Put("a", "2", 1) {
		t.Error("the limit does not hold")
	}
}

func BenchmarkRetainedMatch(b *testing.B) {
	var r Retained[int]
	for device := range 10_000 {
		for point := range 10 {
			r.Put(fmt.Sprintf("device/%d/%d", device, point), 1, 1_000_000)
		}
	}
	for _, filter := range []mqtt.Filter{"device/77/+", "device/+/3", "#"} {
		b.Run(string(filter), func(b *testing.B) {
			for b.Loop() {
				r.Match(filter)
			}
		})
	}
}
