package bridge

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// thingsBoard is the gateway API of ThingsBoard: one connection speaks for all
// devices. device/<id>/status becomes connect and disconnect, state, event and
// points become telemetry with the time when they were read, info and health
// become attributes. The gateway's own figures are telemetry of the connection's
// own device. RPC calls and shared attributes come as set and get.
type thingsBoard struct {
	gateway string
	shared  *sharedAttributes
}

var _ format = (*thingsBoard)(nil)

// Topics of the API.
const (
	tbConnect    = "v1/gateway/connect"
	tbDisconnect = "v1/gateway/disconnect"
	tbTelemetry  = "v1/gateway/telemetry"
	tbAttributes = "v1/gateway/attributes"
	tbRPC        = "v1/gateway/rpc"
	tbOwn        = "v1/devices/me/"
	tbOwnRPC     = tbOwn + "rpc/request/"
)

// droppedFormat: the format has no word for such a message.
const droppedFormat = "no place in the format"

// tbRules are what goes to ThingsBoard where the config does not say it.
func tbRules() []Out {
	var rules []Out
	for _, what := range []string{"status", "info", "state", "event"} {
		rules = append(rules, Out{Topic: mqtt.Filter("device/+/" + what), QoS: mqtt.AtLeastOnce})
	}
	return rules
}

// validateFormat refuses topics where a format has its own.
func (c *Config) validateFormat() (faults []error) {
	if c.Format != formatThingsBoard {
		return nil
	}
	for i, o := range c.Out {
		if o.To != "" {
			faults = append(faults, configs.Bad(keyOf("out", i)+".to", "ThingsBoard's topics are its own; leave to out"))
		}
	}
	if len(c.In) > 0 {
		faults = append(faults, configs.Bad("in", "RPC calls and shared attributes of ThingsBoard come in by themselves; leave in out"))
	}
	return faults
}

func (*thingsBoard) filters() []mqtt.Filter {
	return []mqtt.Filter{tbRPC, tbAttributes, tbAnswer, tbOwnRPC + "+"}
}

func (t *thingsBoard) up(m *mqtt.Message, came time.Time) (there mqtt.Message, reason string) {
	there = mqtt.Message{QoS: min(m.QoS, mqtt.AtLeastOnce), Retain: m.Retain, Expiry: m.Expiry, UTF8: true, ContentType: "application/json"}
	level := strings.Split(m.Topic, "/")
	if len(level) < 3 || level[0] != "device" {
		return there, droppedFormat
	}
	device, what := level[1], level[2]
	var body any
	switch {
	case len(level) == 4 && what == tbCall:
		return t.answer(there, device, level[3], m.Payload)
	case len(level) > 3, what == "set", what == "get", what == "reply", what == "shadow":
		return there, droppedFormat
	case what == "status":
		there.Topic, body = tbDisconnect, map[string]string{"device": device}
		if string(m.Payload) == "online" {
			there.Topic = tbConnect
		}
	case what == "info":
		there.Topic, body = t.place(device, tbAttributes, "attributes", scalars(m.Payload))
	case what == "health":
		there.Topic, body = t.place(device, tbAttributes, "attributes", map[string]any{"health": value(m.Payload)})
	default:
		record := t.record(what, m, came)
		if len(record.Values) == 0 {
			return there, droppedFormat
		}
		there.Topic, body = t.place(device, tbTelemetry, "telemetry", record)
		if device != t.gateway {
			body = map[string][]any{device: {record}}
		}
	}
	there.Payload, _ = json.Marshal(body) // values are valid JSON: see value
	return there, ""
}

// place is where something of a device goes, and in what frame: the gateway has
// topics of its own.
func (t *thingsBoard) place(device, topic, own string, body any) (string, any) {
	if device == t.gateway {
		return tbOwn + own, body
	}
	return topic, map[string]any{device: body}
}

// tbRecord is telemetry of one moment.
type tbRecord struct {
	TS     int64                      `json:"ts"`
	Values map[string]json.RawMessage `json:"values"`
}

// record makes telemetry of a state, an event or a point.
func (t *thingsBoard) record(what string, m *mqtt.Message, came time.Time) tbRecord {
	r := tbRecord{TS: came.UnixMilli(), Values: map[string]json.RawMessage{}}
	for _, p := range m.UserProperties {
		if ts, err := strconv.ParseInt(p.Value, 10, 64); p.Name == propTime && err == nil {
			r.TS = ts
		}
	}
	if len(m.Payload) == 0 { // a retained message that is removed
		return r
	}
	if what != "state" || json.Unmarshal(m.Payload, &r.Values) != nil {
		r.Values = map[string]json.RawMessage{what: value(m.Payload)}
		return r
	}
	if ts, err := strconv.ParseInt(string(r.Values[propTime]), 10, 64); err == nil {
		r.TS = ts
	}
	delete(r.Values, propTime)
	return r
}

// value is a payload as JSON: what is none is text.
func value(payload []byte) json.RawMessage {
	if json.Valid(payload) {
		return payload
	}
	text, _ := json.Marshal(string(bytes.ToValidUTF8(payload, []byte("\uFFFD")))) // text always can be
	return text
}

// scalars are the members of a JSON object that are no lists or objects.
func scalars(payload []byte) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(payload, &members) != nil {
		return map[string]json.RawMessage{}
	}
	for name, v := range members {
		if len(v) > 0 && (v[0] == '{' || v[0] == '[') {
			delete(members, name)
		}
	}
	return members
}

// tbCall stands in topics of our own for the answers to RPC calls:
// device/<id>/rpc/<number>. Points have no level below them.
const tbCall = "rpc"

// answer is the answer to a call.
func (t *thingsBoard) answer(there mqtt.Message, device, number string, payload []byte) (mqtt.Message, string) {
	there.Retain = false
	if device == t.gateway {
		there.Topic, there.Payload = tbOwn+"rpc/response/"+number, value(payload)
		return there, ""
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return there, droppedFormat
	}
	there.Topic = tbRPC
	there.Payload, _ = json.Marshal(map[string]any{"device": device, "id": id, "data": value(payload)}) // see value
	return there, ""
}

// tbMessage is an RPC call or an update of shared attributes. That of the
// gateway's own device has no frame.
type tbMessage struct {
	Device string          `json:"device"`
	Data   json.RawMessage `json:"data"`
}

// tbMethod is an RPC call.
type tbMethod struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func (t *thingsBoard) down(m mqtt.Message) (here mqtt.Message, ok bool) {
	if m.Topic == tbAnswer {
		return t.answered(m), true
	}
	frame := tbMessage{Device: t.gateway, Data: m.Payload}
	number, own := strings.CutPrefix(m.Topic, tbOwnRPC)
	if !own {
		frame = tbMessage{}
		if json.Unmarshal(m.Payload, &frame) != nil || !tbName.MatchString(frame.Device) {
			return here, false
		}
	}
	here = mqtt.Message{QoS: m.QoS, Expiry: m.Expiry, UserProperties: m.UserProperties}
	device := "device/" + frame.Device
	if m.Topic == tbAttributes {
		var values attributes
		if json.Unmarshal(frame.Data, &values) != nil || values == nil { // what is deleted has no data
			return here, false
		}
		t.shared.told(frame.Device, values)
		here.Topic, here.Payload = device+"/set", frame.Data
		return here, true
	}
	var call tbMethod
	if json.Unmarshal(frame.Data, &call) != nil || !tbName.MatchString(call.Method) {
		return here, false
	}
	if !own {
		number = strconv.FormatInt(call.ID, 10)
	}
	here.ResponseTopic = device + "/" + tbCall + "/" + number
	switch call.Method {
	case "get":
		here.Topic = device + "/get"
	case "set":
		here.Topic, here.Payload = device+"/set", call.Params
	default:
		here.Topic, here.Payload = device+"/"+call.Method+"/set", plainText(call.Params)
	}
	return here, mqtt.ValidTopic(here.ResponseTopic)
}

// answered is what is to be set because of an answer that tells of shared attributes.
func (t *thingsBoard) answered(m mqtt.Message) (here mqtt.Message) {
	device, fresh := t.shared.answer(m.Payload)
	if len(fresh) == 0 {
		return here
	}
	here = mqtt.Message{Topic: "device/" + device + "/set", QoS: m.QoS}
	here.Payload, _ = json.Marshal(fresh) // it was read as JSON
	return here
}

// published implements format: calls want an answer, shared attributes do not.
func (t *thingsBoard) published(here *mqtt.Message) {
	var values attributes
	level := strings.Split(here.Topic, "/")
	if len(level) == 3 && level[2] == "set" && here.ResponseTopic == "" && json.Unmarshal(here.Payload, &values) == nil {
		t.shared.remember(level[1], values)
	}
}

// next implements format: of a device that is there again it asks what is wanted.
func (t *thingsBoard) next(sent *mqtt.Message) []mqtt.Message {
	device, ok := online(sent)
	if !ok || device == t.gateway {
		return nil
	}
	return t.shared.ask(device)
}

// tbName are names of devices and points that are one level of a topic.
var tbName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// plainText is a parameter as a point's topic takes it: text without its quotes.
func plainText(v json.RawMessage) []byte {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return []byte(text)
	}
	return v
}
