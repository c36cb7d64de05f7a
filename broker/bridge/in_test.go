package bridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestWhatComesIsRefusedForAReason(t *testing.T) {
	zero := uint32(0)
	hop := func(mark string) *packets.Properties {
		return &packets.Properties{User: []packets.User{{Key: propHop, Value: mark}}}
	}
	for _, c := range []struct {
		name string
		in   packets.Publish
		want string // empty: it is taken
	}{
		{"a command", packets.Publish{Topic: "site/device/a/b/set"}, ""},
		{"what crossed another gateway", packets.Publish{Topic: "site/device/a/b/set", Properties: hop("other/cloud")}, ""},
		{"what crossed this one", packets.Publish{Topic: "site/device/a/b/set", Properties: hop("box/cloud")}, refusedLoop},
		{"what crossed it to another upstream", packets.Publish{Topic: "site/device/a/b/set", Properties: hop("box/second")}, refusedLoop},
		{"a retained command", packets.Publish{Topic: "site/device/a/b/set", Retain: true}, refusedRetained},
		{"what has expired", packets.Publish{Topic: "site/device/a/b/set", Properties: &packets.Properties{MessageExpiry: &zero}}, refusedExpired},
		{"what no rule takes", packets.Publish{Topic: "site/device/a"}, refusedTopic},
		{"a topic of the broker", packets.Publish{Topic: "all/$SYS/x"}, refusedTopic},
		{"a topic of the bridge", packets.Publish{Topic: "all/upstream/cloud/end"}, refusedTopic},
		{"no topic at all", packets.Publish{Topic: "all"}, refusedTopic},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := config("mqtt://x")
			conf.In = append(conf.In, In{Topic: "all/#", To: "#"})
			b := New(conf, Identity{Gateway: "box", Upstream: "cloud"}, broker.New(broker.Defaults(), quiet), &pocket{}, quiet)
			b.receive(t.Context(), &c.in)
			s := b.Stats()
			if c.want == "" && (s.Received != 1 || len(s.Refused) != 0) || c.want != "" && s.Refused[c.want] != 1 {
				t.Errorf("received %d, refused %v", s.Received, s.Refused)
			}
		})
	}
}

func TestSecondDeliveryOfQoS2IsNotTaken(t *testing.T) {
	q := testQueue(100, "")
	p := &protocol{recall: func() {}, moved: func() bool { return false }, limits: new(noLimits()), queue: q}
	if err := p.ConAckReceived(&discard{}, nil, &packets.Connack{Properties: &packets.Properties{}}); err != nil {
		t.Fatal(err)
	}
	messages := make(chan *packets.Publish, 4)
	send := func(content packets.Packet) {
		if err := p.PacketReceived(&packets.ControlPacket{Content: content}, messages); err != nil {
			t.Fatal(err)
		}
	}
	m := &packets.Publish{PacketID: 5, QoS: 2}
	send(m)
	send(m)
	if len(messages) != 1 {
		t.Errorf("taken %d times", len(messages))
	}
	if err := p.ConAckReceived(&discard{}, nil, &packets.Connack{SessionPresent: true, Properties: &packets.Properties{}}); err != nil {
		t.Fatal(err)
	}
	send(m)
	if len(messages) != 1 {
		t.Error("taken again on the next connection of the session")
	}
	send(&packets.Pubrel{PacketID: 5})
	send(m)
	if len(messages) != 2 {
		t.Error("a new message with the same identifier is not taken")
	}
}

type discard struct{ bytes int }

func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}

func TestAliasesShortenTopicsWithinTheServersLimit(t *testing.T) {
	a := aliases{limit: 2}
	var sent []string
	for _, topic := range []string{"a", "b", "c", "a", "b", "c"} {
		p := &packets.Publish{Topic: topic, Properties: &packets.Properties{}}
		a.use(p)
		text := p.Topic
		if p.Properties.TopicAlias != nil {
			text += string('0' + rune(*p.Properties.TopicAlias))
		}
		sent = append(sent, text)
	}
	if want := []string{"a1", "b2", "c", "1", "2", "c"}; !slices.Equal(sent, want) {
		t.Errorf("got %q, want %q", sent, want)
	}
	none := aliases{}
	p := &packets.Publish{Topic: "a", Properties: &packets.Properties{}}
	if none.use(p); p.Properties.TopicAlias != nil {
		t.Error("an alias goes to a server that takes none")
	}
}

func TestConnackIsObeyed(t *testing.T) {
	five, one, no, size := uint16(5), byte(1), byte(0), uint32(1000)
	got := allowed(&packets.Properties{ReceiveMaximum: &five, MaximumQOS: &one, RetainAvailable: &no, MaximumPacketSize: &size, TopicAliasMaximum: &five})
	if want := (server{window: 5, qos: mqtt.AtLeastOnce, maxPacket: 1000, aliases: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := allowed(&packets.Properties{}), (server{window: mostWindow, qos: mqtt.ExactlyOnce, retain: true}); got != want {
		t.Errorf("a server that says nothing: got %+v, want %+v", got, want)
	}
}

func TestTopicsOfBridgesStayHere(t *testing.T) {
	c := startCloud(t)
	conf := config("mqtt://127.0.0.1:" + c.port)
	conf.Out = []Out{{Topic: "#", To: "all/#", QoS: 1}}
	far := watch(t, "127.0.0.1:"+c.port, "all/#")
	s := startSite(t, conf)
	s.connected()
	for _, topic := range []string{"upstream/cloud/end", "upstream/cloud/reply/1", "upstream/other/reply/1"} {
		if err := s.server.Publish(t.Context(), mqtt.Message{Topic: topic, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	s.say("last", "x", false)
	far.expect("all/last", "x")
	if got := far.all("all/upstream/#"); len(got) != 0 {
		t.Errorf("%v crossed the bridge", got)
	}
}

// A kill -9 falls between what the server sends and what it hears of it.
func TestCommandOfQoS2IsCarriedOutOnceOverAKill(t *testing.T) {
	conf := config("mqtt://x")
	connack := func(l *life, present bool) {
		t.Helper()
		if err := l.protocol.ConAckReceived(&discard{}, nil, &packets.Connack{SessionPresent: present, Properties: &packets.Properties{}}); err != nil {
			t.Fatal(err)
		}
	}
	// bring says whether a command is carried out.
	bring := func(l *life, p packets.Publish) bool {
		t.Helper()
		messages := make(chan *packets.Publish, 1)
		if err := l.protocol.PacketReceived(&packets.ControlPacket{Content: &p}, messages); err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			return false
		}
		before := l.Stats().Received
		l.receive(t.Context(), <-messages)
		return l.Stats().Received == before+1
	}
	set := packets.Publish{Topic: "site/device/a/b/set", Payload: []byte("1"), QoS: 2, PacketID: 7}
	again := set
	again.Duplicate = true
	released := func(l *life) {
		t.Helper()
		if err := l.protocol.PacketReceived(&packets.ControlPacket{Content: &packets.Pubrel{PacketID: 7}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	first := newLife(t, t.TempDir(), conf)
	connack(first, false)
	if !bring(first, set) {
		t.Fatal("the command is not carried out")
	}
	second := first.crash()
	connack(second, true)
	if bring(second, again) {
		t.Error("carried out twice over a kill")
	}
	released(second)
	third := second.crash()
	connack(third, true)
	if !bring(third, set) {
		t.Error("a new command with the same identifier is not carried out")
	}
	fourth := third.crash()
	connack(fourth, true)
	if !bring(fourth, set) {
		t.Error("what the server calls new is not carried out, as after a power cut")
	}
	fifth := fourth.crash()
	connack(fifth, false)
	if !bring(fifth, again) {
		t.Error("a command of another session of the server is not carried out")
	}
}

// An answer is in no backlog: what the server puts off is kept over connections.
func TestAnswerThatIsPutOffOutlivesTheConnection(t *testing.T) {
	q, now := testQueue(100, ""), time.Now()
	q.begin(anything, false)
	e := q.translate(item{message: message("answer", "yes", false), came: now})
	q.judgePassing(e)
	q.take(e.item)
	refuseNext(t, q, now, "answer yes", packet.QuotaExceeded)
	q.end(0)
	q.begin(anything, true)
	equal(t, takeAll(q, now), "answer yes")
}
