package access

import (
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

func TestFaultsOfRules(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a filter that is none", `[{user: a, subscribe: ["a/#/b"]}]`, `a.yaml:1:24: access[0].subscribe[0]: "a/#/b" is no topic filter`},
		{"a wildcard within a level", `[{user: a, publish: [ok, "a+"]}]`, `access[0].publish[1]: "a+" is no topic filter`},
		{"a share", `[{user: a, subscribe: ["$share/g/a"]}]`, `without $share`},
		{"a denied filter that is none", `[{user: a, deny: ["a#"]}]`, `access[0].deny[0]: "a#" is no topic filter`},
		{"two stars", `[{client: "a*b*"}]`, `access[0].client: "a*b*" has more than one *`},
		{"a rule that nobody gets to", `[{user: a}, {subscribe: ["#"]}, {user: b}]`, `access[2]: no client gets here`},
		{"a key that is none", `[{users: a}]`, `did you mean "user"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := configs.Parse("a.yaml", []byte("access: "+c.text), nil)
			var s struct {
				Access Rules `yaml:"access"`
			}
			d.Root().Decode(&s)
			if got := d.Faults().Error(); !strings.Contains(got, strings.TrimPrefix(c.want, "a.yaml:1:24: ")) {
				t.Errorf("got %q, want %s", got, c.want)
			}
		})
	}
}

// FuzzWithin checks that what lies within a filter is taken by it: whatever
// topic the inner filter takes, the outer takes. Filters that take the same topic
// meet.
func FuzzWithin(f *testing.F) {
	for _, seed := range [][3]string{
		{"a/#", "a", "a"}, {"a/#", "a/+/b", "a/x/b"}, {"#", "$SYS/a", "$SYS/a"}, {"+/+", "+/#", "a/b/c"}, {"+", "$a", "$a"},
		{"a/+/#", "a/b", "a/b"}, {"a/+", "a/#", "a"}, {"#", "#", "/"}, {"+/#", "#", "a"}, {"/#", "/", "/"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, allowed, asked, topic string) {
		a, q := mqtt.Filter(allowed), mqtt.Filter(asked)
		if !a.Valid() || !q.Valid() || !mqtt.ValidTopic(topic) {
			return
		}
		if within(a, q) && q.Match(topic) && !a.Match(topic) {
			t.Errorf("%q is within %q, which does not take %q", q, a, topic)
		}
		if a.Match(topic) && q.Match(topic) && (!meet(a, q) || !meet(q, a)) {
			t.Errorf("%q and %q take %q, and do not meet", a, q, topic)
		}
		if a.Match(topic) != meet(a, mqtt.Filter(topic)) || a.Match(topic) != meet(mqtt.Filter(topic), a) {
			t.Errorf("%q takes the topic %q: %v, and meets it: %v", a, topic, a.Match(topic), !a.Match(topic))
		}
		if a.Match(topic) != within(a, mqtt.Filter(topic)) {
			t.Errorf("%q takes the topic %q: %v, as a filter %v", a, topic, a.Match(topic), !a.Match(topic))
		}
	})
}
