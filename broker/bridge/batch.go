package bridge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// BatchConfig says how messages of the backlog go together in one, for links
// that are paid by the byte and brokers that count messages. What is current
// goes by itself.
type BatchConfig struct {
	// Messages is how many messages of the backlog go in one at most. 0: each goes
	// by itself.
	Messages int `yaml:"messages" check:"min=0,max=1000"`
	// Bytes is how large their JSON array becomes at most, before it is
	// compressed.
	Bytes configs.Size `yaml:"bytes" check:"min=1KiB,max=256KiB"`
	// Topic is where they go there. Default: what the rules make of
	// device/<gateway>/batch.
	Topic string `yaml:"topic"`
	// Compress says how the array is compressed: none, gzip or zstd.
	Compress string `yaml:"compress" check:"oneof=none|gzip|zstd"`
}

const (
	compressNone = "none"
	compressGzip = "gzip"
	compressZstd = "zstd"
)

// User properties of a batch.
const (
	propEncoding = "content-encoding" // gzip or zstd
	propBatch    = "batch"            // how many messages are in it
)

// batchTopic is what the rules are asked for where a batch is to go.
func batchTopic(gateway string) string { return "device/" + gateway + "/batch" }

// validateBatch finds batches that have no place to go.
func (c *Config) validateBatch() (faults []error) {
	b := &c.Batch
	switch {
	case b.Messages == 0:
	case b.Topic != "" && !mqtt.ValidTopic(b.Topic):
		faults = append(faults, configs.Bad("batch.topic", "%q is no topic name", b.Topic))
	case c.Format == formatThingsBoard && b.Topic != "":
		faults = append(faults, configs.Bad("batch.topic", "ThingsBoard's topics are its own; leave it out"))
	case c.Format == formatThingsBoard && b.Compress != compressNone:
		faults = append(faults, configs.Bad("batch.compress", "ThingsBoard understands plain JSON only"))
	case c.Format == formatPlain && b.Topic == "":
		if _, by := carry(c.outRules(), batchTopic("x")); by == nil {
			faults = append(faults, configs.Bad("batch", "no rule of out takes device/<gateway>/batch; set topic"))
		}
	}
	return faults
}

// batcher makes one message of several.
type batcher interface {
	// record is a message as part of a batch; ok is false for one that goes by
	// itself.
	record(e *entry) (record []byte, ok bool)
	// join is the batch of records.
	join(records [][]byte) mqtt.Message
}

// newBatcher is nil where each message goes by itself.
func newBatcher(b *Bridge) batcher {
	c := &b.config.Batch
	switch {
	case c.Messages < 2:
		return nil
	case b.format != nil:
		return tbBatcher{b.format}
	}
	topic := c.Topic
	if topic == "" {
		topic, _ = carry(b.out, batchTopic(b.identity.Gateway))
	}
	return &jsonBatcher{topic: topic, compress: c.Compress, mark: b.mark()}
}

// jsonBatcher makes JSON arrays.
type jsonBatcher struct{ topic, compress, mark string }

// batched is one message in an array. It has one of JSON, Text and Base64.
type batched struct {
	Topic       string          `json:"topic"`
	TS          int64           `json:"ts"` // when it was read, in Unix milliseconds
	JSON        json.RawMessage `json:"json,omitempty"`
	Text        *string         `json:"text,omitempty"`
	Base64      []byte          `json:"base64,omitempty"`
	Type        string          `json:"type,omitempty"` // content type, unless it says text/plain or application/json
	Response    string          `json:"response,omitempty"`
	Correlation []byte          `json:"correlation,omitempty"` // base64
	User        [][2]string     `json:"user,omitempty"`        // user properties, but for ts and hop
}

func (j *jsonBatcher) record(e *entry) (record []byte, ok bool) {
	m := &e.message
	b := batched{Topic: m.Topic, TS: e.came.UnixMilli(), Response: m.ResponseTopic, Correlation: m.CorrelationData}
	for _, p := range m.UserProperties {
		ts, err := strconv.ParseInt(p.Value, 10, 64)
		switch {
		case p.Name == propTime && err == nil:
			b.TS = ts
		case p.Name == propHop && p.Value == j.mark: // the batch bears it
		default:
			b.User = append(b.User, [2]string{p.Name, p.Value})
		}
	}
	switch text := string(m.Payload); {
	case m.ContentType == "application/json" && json.Valid(m.Payload):
		b.JSON = m.Payload
	case utf8.Valid(m.Payload):
		b.Text = &text
	default:
		b.Base64 = m.Payload
	}
	if m.ContentType != "application/json" && m.ContentType != "text/plain" {
		b.Type = m.ContentType
	}
	record, err := json.Marshal(b)
	return record, err == nil
}

func (j *jsonBatcher) join(records [][]byte) mqtt.Message {
	m := mqtt.Message{
		Topic: j.topic, ContentType: "application/json", UTF8: j.compress == compressNone,
		UserProperties: []mqtt.UserProperty{
			{Name: propBatch, Value: strconv.Itoa(len(records))}, {Name: propReplay, Value: "1"}, {Name: propHop, Value: j.mark},
		},
	}
	m.Payload = squeeze(j.compress, array(records))
	if j.compress != compressNone {
		m.UserProperties = append(m.UserProperties, mqtt.UserProperty{Name: propEncoding, Value: j.compress})
	}
	return m
}

// array is a JSON array of what is JSON already.
func array(records [][]byte) []byte {
	text := append([]byte{'['}, bytes.Join(records, []byte{','})...)
	return append(text, ']')
}

// squeeze compresses a text, always the same to the same.
func squeeze(how string, text []byte) []byte {
	switch how {
	case compressGzip:
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(text) // to memory, which takes all
		_ = w.Close()        // likewise
		return out.Bytes()
	case compressZstd:
		// Options that are valid, and no writer: there is no error.
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
		return w.EncodeAll(text, nil)
	}
	return text
}

// tbBatcher puts telemetry of many devices together, which is what ThingsBoard's
// API is made for.
type tbBatcher struct{ format }

func (t tbBatcher) record(e *entry) (record []byte, ok bool) {
	there, reason := e.translated(t.format)
	if reason != "" || there.Topic != tbTelemetry {
		return nil, false
	}
	return there.Payload, true
}

func (t tbBatcher) join(records [][]byte) mqtt.Message {
	all := map[string][]json.RawMessage{}
	for _, r := range records {
		var one map[string][]json.RawMessage
		if json.Unmarshal(r, &one) == nil { // we made it
			for device, moments := range one {
				all[device] = append(all[device], moments...)
			}
		}
	}
	text, _ := json.Marshal(all) // of what was JSON
	return mqtt.Message{Topic: tbTelemetry, Payload: text, UTF8: true, ContentType: "application/json"}
}
