package mapping

import (
	"bytes"
	"strconv"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// Content types of payloads.
const (
	plain  = "text/plain"
	object = "application/json"
)

// Messages is what there is to say about new samples: values that moved or whose
// heartbeat is due, each on its own topic, and then one state for each device
// that has news. A value is only ever repeated because a sample that was not
// known yet says it again.
//
// now is the time of the call, which heartbeats are counted by; it may be later
// than that of the samples. The slice is valid until the next call; payloads and
// properties stay.
func (t *Table) Messages(samples []drivers.Sample, now time.Time) []mqtt.Message {
	clear(t.messages)
	t.messages = t.messages[:0]
	t.batch++
	for i := range samples {
		p := t.points[samples[i].Point]
		if p == nil {
			continue
		}
		p.batch = t.batch
		s := p.counted(samples[i])
		if p.formula != nil {
			if p.listen(&s, t.batch) {
				t.touch(p.device, false)
			}
			continue
		}
		t.take(p, &s, now)
	}
	for _, d := range t.touched {
		t.compute(d, now)
	}
	for _, d := range t.touched {
		if d.news || d.due(now) {
			t.messages = append(t.messages, d.say(now, &t.stamp))
		}
		d.touched, d.news = false, false
	}
	t.touched = t.touched[:0]
	return t.messages
}

// take hears a sample and says what is news of it.
func (t *Table) take(p *point, s *drivers.Sample, now time.Time) {
	fresh := !s.Time.Equal(p.heard.at) // else it is one that we know
	news := p.hear(s)
	if p.Rule.Event && p.changed() {
		t.messages = append(t.messages, p.event(&t.stamp))
	}
	if p.heard.reason == "" && (news || fresh && p.due(now)) {
		t.messages = append(t.messages, p.say(now, &t.stamp))
	}
	if news || fresh {
		t.touch(p.device, news)
	}
}

// touch notes that the batch holds new samples of a device.
func (t *Table) touch(d *device, news bool) {
	d.news = d.news || news
	if !d.touched {
		d.touched = true
		t.touched = append(t.touched, d)
	}
}

// Forget makes the next samples of a device news, whatever they say: someone
// asked for them, or what was said is lost.
func (t *Table) Forget(device string) {
	d := t.byID[device]
	if d == nil {
		return
	}
	d.said = time.Time{}
	for _, p := range d.points {
		p.said = said{}
	}
}

// heard is the last sample of a point.
type heard struct {
	at     time.Time // when it was on the wire; zero: never
	raw    drivers.Value
	text   []byte // of the value, owned by the point
	reason string // why there is no value; empty: there is one
}

// said is the last message on a point's own topic.
type said struct {
	at      time.Time
	payload []byte // shared with those who received it
}

// hear takes a sample in and says whether it is news: a value that left the
// deadband, or a reason that came, changed or went.
func (p *point) hear(s *drivers.Sample) (news bool) {
	before := p.heard.reason
	p.heard.at = s.Time
	p.heard.reason = p.read(s)
	if p.heard.reason != "" || before != "" {
		return p.heard.reason != before
	}
	return p.moved()
}

// read turns the sample into text, or gives the reason why not.
func (p *point) read(s *drivers.Sample) (reason string) {
	h := &p.heard
	switch {
	case s.Err != nil:
		return short(s.Err.Error())
	case s.Value.Kind() == drivers.KindNone:
		return drivers.ErrNoValue.Error()
	case s.Value == h.raw && h.reason == "":
		return ""
	}
	var err error
	h.raw = s.Value
	if h.text, err = p.codec.encode(h.text[:0], s.Value); err != nil {
		return short(err.Error())
	}
	return ""
}

// known says whether there ever was a value.
func (p *point) known() bool { return p.heard.raw.Kind() != drivers.KindNone }

// short bounds a text that others made up; it is not empty.
func short(s string) string {
	const most = 200
	switch {
	case s == "":
		return "unknown error"
	case len(s) > most:
		return s[:most] + "..."
	}
	return s
}

// moved says whether the value is further from what was sent than the deadband.
func (p *point) moved() bool {
	switch {
	case p.said.payload == nil:
		return true
	case bytes.Equal(p.said.payload, p.heard.text):
		return false
	case p.Rule.Deadband.Width == 0:
		return true
	}
	sent, errSent := strconv.ParseFloat(string(p.said.payload), 64)
	value, errValue := strconv.ParseFloat(string(p.heard.text), 64)
	return errSent != nil || errValue != nil || p.Rule.Deadband.left(sent, value)
}

// due says whether the heartbeat is nearer to this sample than to the next.
func (p *point) due(now time.Time) bool {
	beat := p.Rule.Heartbeat.D()
	return beat > 0 && now.Sub(p.said.at) >= beat-p.Every/2
}

// changed says whether there is a value other than the one that was sent.
func (p *point) changed() bool {
	return p.heard.reason == "" && p.said.payload != nil && !bytes.Equal(p.said.payload, p.heard.text) && p.moved()
}

// event is the change of a value, as a message of its own.
func (p *point) event(s *stamp) mqtt.Message {
	b := append([]byte(`{"ts":`), strconv.FormatInt(p.heard.at.UnixMilli(), 10)...)
	b = append(b, `,"point":`...)
	b = appendString(b, p.Point.Name)
	b = append(b, `,"value":`...)
	return mqtt.Message{
		Topic:          root + p.device.ID + event,
		Payload:        append(p.appendValue(b, p.heard.text), '}'),
		QoS:            p.Rule.QoS,
		UTF8:           true,
		ContentType:    object,
		UserProperties: s.properties(p.heard.at),
	}
}

// say is the message on the point's own topic.
func (p *point) say(now time.Time, s *stamp) mqtt.Message {
	if p.said.payload == nil || !bytes.Equal(p.said.payload, p.heard.text) {
		p.said.payload = append([]byte{}, p.heard.text...) // not nil, even for an empty text
	}
	p.said.at = now
	return mqtt.Message{
		Topic:          p.topic,
		Payload:        p.said.payload,
		QoS:            p.Rule.QoS,
		Retain:         p.Rule.Retain,
		Expiry:         p.expiry,
		UTF8:           true,
		ContentType:    plain,
		UserProperties: s.properties(p.heard.at),
	}
}

// stamp is the user property ts: when a value was on the wire, in Unix
// milliseconds. The samples of one answer share it.
type stamp struct {
	ms    int64
	cache []mqtt.UserProperty
}

func (s *stamp) properties(at time.Time) []mqtt.UserProperty {
	if ms := at.UnixMilli(); s.cache == nil || ms != s.ms {
		s.ms = ms
		s.cache = []mqtt.UserProperty{{Name: "ts", Value: strconv.FormatInt(ms, 10)}}
	}
	return s.cache
}
