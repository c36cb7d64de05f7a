package access

import (
	"testing"

	"fieldmq/broker/mqtt"
)

func TestDenialsComeBeforeAll(t *testing.T) {
	everything := []mqtt.Filter{"#", "$SYS/#"}
	rules := Rules{{Subscribe: everything, Publish: everything, Deny: []mqtt.Filter{"secret/#", "own/%c/key", "+/hidden", "$SYS/broker/log"}}}
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	control := New(nil, rules)
	for _, c := range []struct {
		name, client, what       string
		publish, subscribe, hear bool
	}{
		{"may the rest", "c", "device/x", true, true, true},
		{"may not what is denied", "c", "secret/x", false, false, false},
		{"may not its parent, which a # takes", "c", "secret", false, false, false},
		{"may not what a + takes", "c", "x/hidden", false, false, false},
		{"may not what carries its name", "c", "own/c/key", false, false, false},
		{"may what carries another one's", "c", "own/d/key", true, true, true},
		{"may not what could carry a name that is none", "a/b", "own/d/key", false, false, false},
		{"may not what lies below it", "+", "own/d/e/f", false, false, false},
		{"may the others all the same", "+", "device/x", true, true, true},
		{"may a wider one", "c", "#", false, true, true},
		{"may one beside it", "c", "+/shown", false, true, true},
		{"may no shared one that is wider", "c", "$share/g/#", false, false, true},
		{"may no shared one that meets it", "c", "$share/g/+/x", false, false, true},
		{"may a shared one beside it", "c", "$share/g/device/+/x", false, true, true},
		{"may no topic of the system that is denied", "c", "$SYS/broker/log", false, false, false},
		{"may another one of the system", "c", "$SYS/broker/uptime", true, true, true},
	} {
		t.Run("client "+c.client+" "+c.name, func(t *testing.T) {
			p := peer("", c.client)
			control.Recall(p)
			if mqtt.ValidTopic(c.what) {
				if got := control.MayPublish(p, c.what); got != c.publish {
					t.Errorf("publishes %s: %v", c.what, got)
				}
			}
			if got := control.MaySubscribe(p, mqtt.Filter(c.what)); got != c.subscribe {
				t.Errorf("subscribes %s: %v", c.what, got)
			}
			if got := !takes(control.Denied(p), c.what); got != c.hear {
				t.Errorf("hears of %s: %v", c.what, got)
			}
		})
	}
}

func TestDenialLetsNothingInThatNoRuleAllows(t *testing.T) {
	control := New(nil, Rules{{Subscribe: []mqtt.Filter{"a/#"}, Deny: []mqtt.Filter{"a/b"}}})
	p := peer("", "c")
	if control.MaySubscribe(p, "#") || control.MayPublish(p, "a/c") || !control.MaySubscribe(p, "a/#") {
		t.Error("the rest is not as without it")
	}
}
