package bridge

import (
	"strings"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// sink is the bridge as the broker here sees it: what the rules take goes into the
// queue as it is published.
type sink struct{ *Bridge }

var _ broker.Sink = sink{}

// Begin implements broker.Sink.
func (s sink) Begin(feed *broker.Feed) {
	s.feed = feed
	if feed.Durable() {
		s.queue.keepIn(durable{feed}, s.config.Backlog.room(true))
	}
	s.queue.gaps.topic, s.queue.gaps.upstream = s.eventTopic(), s.identity.Upstream
	s.queue.restore(feed.Tallies(), func(topic string) *mqtt.Message {
		for _, m := range s.broker.Retained(mqtt.Filter(topic)) {
			return &m
		}
		return nil
	})
	s.queue.restoreGaps(s.keeper.Get(own(s.identity.Upstream) + "gaps"))
}

// eventTopic is where the gateway's events go upstream, empty if no rule takes them.
func (s sink) eventTopic() string {
	there, _ := carry(s.out, "device/"+s.identity.Gateway+"/event")
	return there
}

// Judge implements broker.Sink.
func (s sink) Judge(m *mqtt.Message, own bool, now time.Time) broker.Fate {
	if strings.HasPrefix(m.Topic, ownRoot) {
		return s.judgeAnswer(m, now)
	}
	e := s.outgoing(item{message: *m, came: now})
	if e.unwanted != "" {
		return broker.Skip
	}
	fate, overflows := s.queue.judge(e, now)
	if overflows {
		s.log.Error("backlog full, messages are dropped", "full", s.config.Backlog.Full)
	}
	s.own = own
	return fate
}

// judgeAnswer takes an answer to a request from upstream: it goes where that wants
// it, and does not outlive the process, which knows where that is.
func (s sink) judgeAnswer(m *mqtt.Message, now time.Time) broker.Fate {
	if !strings.HasPrefix(m.Topic, s.replies.prefix) {
		return broker.Skip
	}
	there, ok := s.replies.find(m.Topic)
	if !ok {
		return broker.Skip
	}
	answer := *m
	answer.Topic, answer.Retain = there, false
	e := s.marked(item{message: answer, came: now})
	return s.queue.judgePassing(e)
}

// Take implements broker.Sink.
func (s sink) Take(number uint64, m mqtt.Message, expires time.Time, err error) error {
	here := item{number: number, message: m, came: time.Now(), expires: expires}
	if err != nil {
		return s.queue.fail(here, s.own, err)
	}
	s.queue.take(here)
	return nil
}

// Refuses implements broker.Sink.
func (s sink) Refuses(m *mqtt.Message) bool {
	if s.config.Backlog.Full != refuse {
		return false
	}
	e := s.outgoing(item{message: *m})
	return e.unwanted == "" && s.queue.refuses(e)
}
