package mapping

import (
	"errors"
	"strings"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
)

// Reply is the answer to a message that Request has read: to its response topic
// with its correlation data, or else to device/<id>/reply. err is what Request or
// the device said; nil means that all is done. ok is false if the message
// concerns no device of the table.
//
//	{"ok":true,"point":"setpoint","value":60.5}
//	{"ok":true,"values":{"setpoint":60.5,"mode":"heating"}}
//	{"ok":false,"point":"setpoint","error":"85.5 is above the maximum 85"}
//	{"ok":false,"point":"setpoint","unsure":true,"error":"no answer: whether ..."}
//
// Values are those that were written, after rounding to what the device holds.
// unsure says that the device may have done it all the same.
func (t *Table) Reply(m mqtt.Message, r Request, err error) (answer mqtt.Message, ok bool) {
	to, _ := t.target(m.Topic)
	if to.device == nil {
		return mqtt.Message{}, false
	}
	topic := root + to.device.ID + reply
	if mayAnswer(m.ResponseTopic) {
		topic = m.ResponseTopic
	}
	return mqtt.Message{
		Topic:           topic,
		Payload:         t.answer(to, r.Commands, err),
		QoS:             m.QoS,
		UTF8:            true,
		ContentType:     object,
		CorrelationData: m.CorrelationData,
	}, true
}

// mayAnswer keeps a response topic from making us speak for a device, or command
// one, in place of a client that may not.
func mayAnswer(topic string) bool {
	switch {
	case !mqtt.ValidTopic(topic), strings.HasPrefix(topic, "$"):
		return false
	case strings.HasPrefix(topic, root):
		return strings.Contains(topic+"/", reply+"/") && !strings.HasSuffix(topic, set)
	}
	return true
}

func (t *Table) answer(to target, commands []drivers.Command, err error) []byte {
	b := []byte(`{"ok":`)
	if err == nil {
		b = append(b, `true`...)
	} else {
		b = append(b, `false`...)
	}
	if to.point != nil {
		b = append(b, `,"point":`...)
		b = appendString(b, to.point.Point.Name)
	}
	switch {
	case err != nil:
		if errors.Is(err, drivers.ErrUnsure) {
			b = append(b, `,"unsure":true`...)
		}
		b = append(b, `,"error":`...)
		b = appendString(b, short(err.Error()))
	case to.point != nil && len(commands) == 1:
		b = append(b, `,"value":`...)
		b = t.appendWritten(b, commands[0])
	case len(commands) > 0:
		b = append(b, `,"values":{`...)
		for i, c := range commands {
			key := t.points[c.Point].key
			if i == 0 {
				key = key[1:] // its comma
			}
			b = append(b, key...)
			b = t.appendWritten(b, c)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendWritten appends the value of a command as it would come back.
func (t *Table) appendWritten(b []byte, c drivers.Command) []byte {
	p := t.points[c.Point]
	value, err := p.codec.encode(nil, c.Value)
	if err != nil {
		return append(b, `null`...)
	}
	return p.appendValue(b, value)
}
