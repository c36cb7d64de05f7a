package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// shares are the messages that each member of a group has got.
type shares struct {
	server  *Server
	addr    string
	members []*client
}

func share(t *testing.T, how Sharing, members int) *shares {
	t.Helper()
	cfg := Defaults()
	cfg.Shared = how
	s := &shares{}
	s.server, s.addr = start(t, cfg)
	for i := range members {
		c := dialAs(t, s.addr, lasting(packet.V5, fmt.Sprint(i)))
		c.subscribe("$share/g/t/#", mqtt.QoS(i%3))
		s.members = append(s.members, c)
	}
	return s
}

// publish publishes n messages and returns what each member got, as digits.
func (s *shares) publish(t *testing.T, n int, from string, topic func(i int) string) (got []string) {
	t.Helper()
	p := dial(t, s.addr, packet.V5, from)
	for i := range n {
		p.publish(text(topic(i), string(rune('0'+i%10)), 2))
	}
	for _, c := range s.members {
		got = append(got, "")
		if c == nil {
			continue
		}
		c.send(packet.AppendPing(nil, packet.PINGREQ))
		c.lookAhead(packet.PINGRESP)
		c.next(packet.PINGRESP)
		for len(c.ahead) > 0 {
			got[len(got)-1] += string(c.receive().Payload)
		}
	}
	return got
}

func (s *shares) leave(t *testing.T, i int) {
	t.Helper()
	s.members[i].cut()
	s.members[i] = nil
	waitFor(t, "end of the connection", func() bool { return away(s.server, fmt.Sprint(i)) })
}

func one(int) string { return "t/1" }

func TestRoundRobinGivesToEachInTurn(t *testing.T) {
	s := share(t, RoundRobin, 3)
	if got := fmt.Sprint(s.publish(t, 9, "p", one)); got != "[036 147 258]" {
		t.Errorf("got %s", got)
	}
	s.leave(t, 1)
	got := s.publish(t, 8, "p", one)
	if len(got[0])+len(got[2]) != 8 || got[0] == "" || got[2] == "" {
		t.Errorf("one is away: got %q", got)
	}
}

func TestChanceGivesToAll(t *testing.T) {
	s := share(t, Random, 3)
	for i, got := range s.publish(t, 200, "p", one) {
		if got == "" {
			t.Errorf("%d got nothing", i)
		}
	}
	s.leave(t, 0)
	if got := s.publish(t, 50, "p", one); len(got[1])+len(got[2]) != 50 {
		t.Errorf("one is away: got %q", got)
	}
}

func TestStickyStaysUntilTheMemberIsAway(t *testing.T) {
	s := share(t, Sticky, 3)
	if got := s.publish(t, 6, "p", one); got[0] != "012345" {
		t.Errorf("got %q", got)
	}
	s.leave(t, 0)
	if got := s.publish(t, 6, "p", one); got[1] != "012345" {
		t.Errorf("one is away: got %q", got)
	}
	s.members[0] = dialAs(t, s.addr, lasting(packet.V5, "0"))
	if got := s.publish(t, 6, "p", one); got[1] != "012345" {
		t.Errorf("it is back: got %q", got)
	}
}

func TestHashKeepsTogetherWhatBelongsTogether(t *testing.T) {
	for _, how := range []Sharing{HashClient, HashTopic} {
		t.Run(how.String(), func(t *testing.T) {
			s := share(t, how, 3)
			used := make([]string, 3)
			for key := range 20 {
				got := s.publish(t, 4, fmt.Sprintf("p%d", key), func(i int) string {
					if how == HashTopic {
						return fmt.Sprintf("t/%d", key)
					}
					return fmt.Sprintf("t/%d", i)
				})
				if joined := strings.Join(got, ""); joined != "0123" || !slices.Contains(got, "0123") {
					t.Errorf("%d: got %q", key, got)
				}
				for i := range got {
					used[i] += got[i]
				}
			}
			if slices.Contains(used, "") {
				t.Errorf("somebody got nothing: %q", used)
			}
			s.leave(t, 1)
			for key := range 5 {
				got := s.publish(t, 2, fmt.Sprintf("p%d", key), func(int) string { return fmt.Sprintf("t/%d", key) })
				if !slices.Contains(got, "01") {
					t.Errorf("one is away: got %q", got)
				}
			}
		})
	}
}

func TestWaysOfSharingHaveNames(t *testing.T) {
	for i, name := range sharings {
		var s Sharing
		if err := s.UnmarshalText([]byte(name)); err != nil || s != Sharing(i) || s.String() != name {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if err := new(Sharing).UnmarshalText([]byte("fair")); err == nil {
		t.Error("fair is one")
	}
}

func TestTextThatIsNoneIsRefused(t *testing.T) {
	bad, good := text("t", "\xff", 0), text("t", "ü", 1)
	bad.UTF8, good.UTF8 = true, true
	for _, check := range []bool{false, true} {
		cfg := Defaults()
		cfg.CheckPayload = check
		_, addr := start(t, cfg)
		c := dial(t, addr, packet.V5, "c")
		c.subscribe("t", 2)
		p := dial(t, addr, packet.V5, "p")
		want := map[bool]packet.Reason{true: packet.PayloadInvalid}[check]
		for _, qos := range []mqtt.QoS{1, 2} {
			bad.QoS = qos
			if r := p.publish(bad); r != want {
				t.Errorf("check %v, QoS %d: %v", check, qos, r)
			}
		}
		if r := p.publish(good); r != packet.Success {
			t.Errorf("good text: %v", r)
		}
		if !check {
			c.texts(2)
		}
		c.texts(1)
		c.ping()
		will := open(t, addr, packet.V5)
		will.send((&packet.Connect{Version: packet.V5, CleanStart: true, Will: &packet.Will{Message: bad}}).Append(nil))
		if r := will.connack(); r != want {
			t.Errorf("check %v, will: %v", check, r)
		}
		if check {
			bad.QoS = 0
			p.send(p.packet(bad, 0))
			p.disconnected(packet.PayloadInvalid)
		}
	}
}
