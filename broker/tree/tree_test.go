package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"fieldmq/broker/mqtt"
)

// takers are the subscribers that take a topic, in order.
func takers(t *Tree[string], topic string) []string {
	var names []string
	for _, r := range t.Match([]byte(topic)).Receivers {
		names = append(names, r.Subscriber)
	}
	slices.Sort(names)
	return names
}

func TestFiltersTakeTheirTopics(t *testing.T) {
	tree := New[string]()
	for _, f := range []mqtt.Filter{"a", "a/b", "a/+", "a/#", "+/b", "#", "+", "+/+", "/+", "/#", "$SYS/#", "$SYS/+", "a//b", "a/+/b"} {
		tree.Subscribe(string(f), f, Options{})
	}
	for topic, want := range map[string][]string{
		"a":      {"#", "+", "a", "a/#"},
		"a/b":    {"#", "+/+", "+/b", "a/#", "a/+", "a/b"},
		"a/":     {"#", "+/+", "a/#", "a/+"},
		"/":      {"#", "+/+", "/#", "/+"},
		"/b":     {"#", "+/+", "+/b", "/#", "/+"},
		"a//b":   {"#", "a/#", "a/+/b", "a//b"},
		"b":      {"#", "+"},
		"$SYS":   {"$SYS/#"}, // [MQTT-4.7.2-1]
		"$SYS/x": {"$SYS/#", "$SYS/+"},
		"$other": nil,
	} {
		if got := takers(tree, topic); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", topic, got, want)
		}
	}
}

// TestTreeAgreesWithMatch asks the tree and the filters one by one.
func TestTreeAgreesWithMatch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	levels := []string{"a", "b", "", "+", "$x"}
	name := func(words []string, more ...string) string {
		s := words[random.IntN(len(words))]
		for range random.IntN(4) {
			s += "/" + words[random.IntN(len(words))]
		}
		if len(more) > 0 && random.IntN(3) == 0 {
			s += more[0]
		}
		return s
	}
	tree := New[string]()
	filters := map[string]bool{}
	for range 5000 {
		f := name(levels, "/#")
		if filters[f] = !filters[f]; filters[f] {
			tree.Subscribe(f, mqtt.Filter(f), Options{})
		} else if !tree.Unsubscribe(f, mqtt.Filter(f)) {
			t.Fatalf("%q is not in the tree", f)
		}
		topic := name([]string{"a", "b", "", "$x", "c"})
		if topic == "" {
			continue
		}
		var want []string
		for f, there := range filters {
			if there && mqtt.Filter(f).Match(topic) {
				want = append(want, f)
			}
		}
		slices.Sort(want)
		if got := takers(tree, topic); !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, want %q", topic, got, want)
		}
	}
}

func TestOverlappingSubscriptionsAreOneDelivery(t *testing.T) { // [MQTT-3.3.4-2] [MQTT-3.3.4-4]
	tree := New[string]()
	tree.Subscribe("s", "a/#", Options{QoS: 1, ID: 7})
	tree.Subscribe("s", "a/b", Options{QoS: 0, ID: 3, RetainAsPublished: true})
	tree.Subscribe("s", "#", Options{QoS: 2, NoLocal: true})
	got := tree.Match([]byte("a/b")).Receivers
	if len(got) != 1 {
		t.Fatalf("%d receivers", len(got))
	}
	if want := (Delivery{QoS: 2, RetainAsPublished: true, IDs: []uint32{3, 7}}); !reflect.DeepEqual(got[0].Delivery, want) {
		t.Errorf("got %+v, want %+v", got[0].Delivery, want)
	}
	if want := (&Delivery{QoS: 1, RetainAsPublished: true, IDs: []uint32{3, 7}}); !reflect.DeepEqual(got[0].Own, want) {
		t.Errorf("of its own: got %+v, want %+v", got[0].Own, want)
	}
	if own := tree.Match([]byte("z")).Receivers[0].Own; own != nil { // [MQTT-3.8.3-3]
		t.Errorf("no local: got %+v", own)
	}
}

func TestNewOptionsReplaceOldOnes(t *testing.T) { // [MQTT-3.8.4-3]
	tree := New[string]()
	if !tree.Subscribe("s", "a", Options{QoS: 2}) || tree.Subscribe("s", "a", Options{QoS: 1}) {
		t.Error("new is not told from known")
	}
	if got := tree.Match([]byte("a")).Receivers; len(got) != 1 || got[0].QoS != 1 {
		t.Errorf("got %+v", got)
	}
	if tree.Len() != 1 {
		t.Errorf("%d subscriptions", tree.Len())
	}
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	tree := New[string]()
	for range 3 {
		if got := takers(tree, "a"); got != nil {
			t.Fatalf("got %q", got)
		}
		tree.Subscribe("s", "a", Options{})
		if got := takers(tree, "a"); len(got) != 1 {
			t.Fatalf("got %q", got)
		}
		tree.Unsubscribe("s", "a")
	}
}

func TestNothingIsLeftOfWhatWasTakenAway(t *testing.T) {
	tree := New[string]()
	filters := []mqtt.Filter{"a/b/c", "a/+/#", "$share/g/a/b", "#"}
	for _, f := range filters {
		tree.Subscribe("s", f, Options{})
		tree.Subscribe("r", f, Options{})
	}
	for _, f := range filters {
		if !tree.Unsubscribe("s", f) || !tree.Unsubscribe("r", f) || tree.Unsubscribe("s", f) {
			t.Errorf("%s", f)
		}
	}
	if len(tree.root.children) != 0 || tree.Len() != 0 {
		t.Errorf("%d nodes, %d subscriptions", len(tree.root.children), tree.Len())
	}
}

func TestGroupsGoRound(t *testing.T) { // [MQTT-4.8.2]
	tree := New[string]()
	for _, s := range []string{"a", "b", "c"} {
		tree.Subscribe(s, "$share/g/t/#", Options{})
	}
	tree.Subscribe("d", "$share/other/t/#", Options{})
	groups := tree.Match([]byte("t/1")).Groups
	if len(groups) != 2 {
		t.Fatalf("%d groups", len(groups))
	}
	count := map[string]int{}
	for range 30 {
		g := tree.Match([]byte("t/1")).Groups[0]
		count[g.From(g.Turn(), anyone).Subscriber]++
	}
	if want := map[string]int{"a": 10, "b": 10, "c": 10}; !reflect.DeepEqual(count, want) {
		t.Errorf("got %v", count)
	}
	for range 3 {
		if got := groups[0].From(groups[0].Turn(), func(s string) bool { return s == "b" }).Subscriber; got != "b" {
			t.Errorf("got %q, which does not suit", got)
		}
		groups[0].From(groups[0].Turn(), func(string) bool { return false }) // nobody suits: it returns all the same
	}
	groups[0].From(math.MaxUint32, anyone) // where int has 32 bits too
}

func anyone(string) bool { return true }

func TestGroupStaysWithAMember(t *testing.T) {
	tree := New[string]()
	for _, s := range []string{"a", "b", "c", "d"} {
		tree.Subscribe(s, "$share/g/t", Options{})
	}
	stay := func(but string) string {
		return tree.Match([]byte("t")).Groups[0].Stay(func(s string) bool { return s != but }).Subscriber
	}
	for _, step := range []struct {
		leaves, offline, want string
	}{{"", "", "a"}, {"", "a", "b"}, {"", "", "b"}, {"a", "", "b"}, {"c", "", "b"}, {"b", "", "d"}, {"", "", "d"}} {
		if step.leaves != "" {
			tree.Unsubscribe(step.leaves, "$share/g/t")
		}
		if got := stay(step.offline); got != step.want {
			t.Errorf("%+v: got %s", step, got)
		}
	}
}

func TestLongTopicsAreNotRemembered(t *testing.T) {
	tree := New[string]()
	long := make([]byte, longestTopic+1)
	tree.Match(long)
	if m := tree.remembered.Load(); m != nil && m.recall(long) != nil {
		t.Error("it is")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	tree := New[int]()
	for i := range 1000 {
		tree.Subscribe(i, "#", Options{})
	}
	for i := range 1000 {
		tree.Match(fmt.Append(nil, i))
		if held := tree.remembered.Load().held; held > mostEntries+2000 {
			t.Fatalf("holds %d", held)
		}
	}
}

func TestLookupOfAKnownTopicDoesNotAllocate(t *testing.T) {
	tree := New[string]()
	tree.Subscribe("s", "device/+/voltage", Options{})
	topic := []byte("device/meter-1/voltage")
	if n := testing.AllocsPerRun(100, func() { tree.Match(topic) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLookupsAndChangesMayOverlap(t *testing.T) {
	tree := New[int]()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 2000 {
				f := mqtt.Filter(fmt.Sprintf("a/%d", n%7))
				tree.Subscribe(i, f, Options{})
				got := tree.Match([]byte(f)).Receivers
				if !slices.ContainsFunc(got, func(r Receiver[int]) bool { return r.Subscriber == i }) {
					t.Errorf("%d does not see itself at %s", i, f)
				}
				tree.Unsubscribe(i, f)
			}
		})
	}
	all.Wait()
}

func BenchmarkMatchKnown(b *testing.B) {
	tree := New[int]()
	for i := range 100 {
		tree.Subscribe(i, mqtt.Filter(fmt.Sprintf("device/%d/#", i)), Options{})
	}
	topic := []byte("device/42/voltage")
	b.ReportAllocs()
	for b.Loop() {
		tree.Match(topic)
	}
}

func BenchmarkMatchNew(b *testing.B) {
	tree := New[int]()
	for i := range 100 {
		tree.Subscribe(i, mqtt.Filter(fmt.Sprintf("device/%d/#", i)), Options{})
	}
	b.ReportAllocs()
	for b.Loop() {
		tree.search("device/42/voltage")
	}
}
