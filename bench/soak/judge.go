package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldmq/broker/mqtt"
)

// difference is something that the broker did and should not have, or should
// have and did not.
type difference struct {
	client int
	topic  string // empty: none in particular
	what   string
}

func (d difference) String() string { return fmt.Sprintf("client %d: %s", d.client, d.what) }

func (s *session) blame(topic, format string, args ...any) {
	s.wrong = append(s.wrong, difference{s.client, topic, fmt.Sprintf(format, args...)})
}

// judge compares what a session got with what it should have. The world's lock
// is held.
func (w *world) judge(s *session) []difference {
	differences := slices.Clone(s.wrong)
	s.wrong = nil
	w.judgeDeliveries(s)
	w.judgeOrder(s)
	if !s.over {
		w.judgeAbsent(s, s.blame)
	}
	differences, s.wrong = append(differences, s.wrong...), nil
	return differences
}

func (w *world) judgeDeliveries(s *session) {
	first := map[uint64]delivery{}
	replays := map[uint64]int{}
	for _, d := range s.got {
		m := w.byID[d.id]
		switch {
		case d.empty:
			if d.retain || !w.cleared(s, &d) {
				s.blame(d.topic, "an empty message on %s, retain %v, that nobody sent", d.topic, d.retain)
			}
		case m == nil:
			s.blame(d.topic, "message %d.%d on %s came again long after", d.id>>32, uint32(d.id), d.topic)
		case m.topic != d.topic:
			s.blame(d.topic, "%v came on %s", m, d.topic)
		case m.begin > d.at:
			s.blame(d.topic, "%v came before it was published", m)
		case d.retain:
			w.judgeReplay(s, m, &d, replays)
		default:
			before, again := first[d.id]
			if !again {
				first[d.id] = d
			}
			w.judgeLive(s, m, &d, before, again)
		}
	}
}

// cleared says whether an empty message is one that clears a retained one.
func (w *world) cleared(s *session, d *delivery) bool {
	for _, m := range w.topics[d.topic] {
		if m.empty && m.begin < d.at && s.claim(m).may {
			return true
		}
	}
	return false
}

// judgeLive judges a message that came because it was published.
func (w *world) judgeLive(s *session, m *message, d *delivery, before delivery, again bool) {
	c := s.claim(m)
	switch {
	case m.judged:
		s.blame(d.topic, "%v came in an earlier round already", m)
	case !c.may:
		s.blame(d.topic, "%v came, and no subscription took it", m)
	case d.qos < c.low || d.qos > c.high:
		s.blame(d.topic, "%v came with QoS %d, not %d to %d", m, d.qos, c.low, c.high)
	case !again:
	case d.qos != mqtt.AtLeastOnce:
		s.blame(d.topic, "%v came twice with QoS %d", m, d.qos)
	case !d.dup:
		s.blame(d.topic, "%v came twice without DUP", m)
	case d.link == before.link:
		s.blame(d.topic, "%v came twice on connection %d", m, d.link)
	}
}

// judgeReplay judges a message that came because it was retained.
func (w *world) judgeReplay(s *session, m *message, d *delivery, replays map[uint64]int) {
	if !m.retain {
		s.blame(d.topic, "%v came with retain", m)
		return
	}
	granted := 0
	qos := false
	for _, sub := range s.subs {
		if !sub.filter.Match(m.topic) {
			continue
		}
		for _, g := range sub.grants {
			may, _ := w.holders(m.topic, g.asked)
			if g.retained && g.asked < d.at && slices.Contains(may, m) {
				granted++
				qos = qos || d.qos == min(g.qos, m.qos)
			}
		}
	}
	if !d.dup {
		replays[m.id]++
	}
	if replays[m.id] > granted {
		s.blame(d.topic, "%v came as retained %d times for %d subscriptions", m, replays[m.id], granted)
	} else if !qos {
		s.blame(d.topic, "%v came as retained with QoS %d", m, d.qos)
	}
}

// judgeOrder looks whether the messages of one publisher, topic and QoS came
// in order: the new ones, and all those of one connection. [MQTT-4.6.0-6]
func (w *world) judgeOrder(s *session) {
	type flow struct {
		publisher, link int // link 0: all, but new messages only
		topic           string
		sent, got       mqtt.QoS
	}
	last := map[flow]uint64{}
	for _, d := range s.got {
		m := w.byID[d.id]
		if d.retain || m == nil {
			continue
		}
		for _, link := range []int{0, d.link} {
			f := flow{m.publisher(), link, d.topic, m.qos, d.qos}
			if link == 0 && d.dup {
				continue
			}
			if m.id <= last[f] {
				s.blame(d.topic, "%v came after number %d", m, uint32(last[f]))
			}
			last[f] = m.id
		}
	}
}

// judgeAbsent tells what a session that goes on should have got and has not.
func (w *world) judgeAbsent(s *session, tell func(topic, format string, args ...any)) {
	came := map[uint64]bool{}
	for _, d := range s.got {
		if !d.retain && !d.empty {
			came[d.id] = true
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(w.topics)) {
		for _, m := range w.topics[topic] {
			if m.judged || m.empty || came[m.id] || m.qos == mqtt.AtMostOnce {
				continue
			}
			if c := s.claim(m); c.must && c.low > mqtt.AtMostOnce {
				tell(topic, "%v never came", m)
			}
		}
		w.judgeAbsentRetained(s, topic, tell)
	}
}

// judgeAbsentRetained looks whether each subscription that should bring a
// retained message has brought one.
func (w *world) judgeAbsentRetained(s *session, topic string, tell func(topic, format string, args ...any)) {
	for _, sub := range s.subs {
		if !sub.filter.Match(topic) {
			continue
		}
		for _, g := range sub.grants {
			may, certain := w.holders(topic, g.asked)
			if !g.retained || !certain {
				continue
			}
			low := g.qos
			for _, m := range may {
				low = min(low, m.qos)
			}
			if low == mqtt.AtMostOnce && g.link != s.lastLink {
				continue // it may have been lost with the connection
			}
			came := func(d delivery) bool { return d.retain && d.topic == topic && d.at > g.asked }
			if !slices.ContainsFunc(s.got, came) {
				tell(topic, "no retained message of %s came for the subscription to %s", topic, sub.filter)
			}
		}
	}
}

// history tells all that the model knows of a client and a topic, in order.
func (w *world) history(s *session, topic string) string {
	var lines []event
	lines = append(lines, s.events...)
	for _, m := range w.topics[topic] {
		end := "never acknowledged"
		if m.end != never {
			end = fmt.Sprintf("acknowledged at %d", m.end)
		}
		if m.begin != never && !m.judged {
			lines = append(lines, event{m.begin, fmt.Sprintf("%v is published, %s", m, end)})
		}
	}
	for _, d := range s.got {
		if d.topic == topic {
			lines = append(lines, event{d.at, fmt.Sprintf("got %d.%d, QoS %d, dup %v, retain %v, empty %v, connection %d",
				d.id>>32, uint32(d.id), d.qos, d.dup, d.retain, d.empty, d.link)})
		}
	}
	slices.SortStableFunc(lines, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "  %8d  %s\n", l.at, l.what)
	}
	return b.String()
}
