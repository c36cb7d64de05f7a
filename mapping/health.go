package mapping

import (
	"math"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
	"fieldmq/drivers"
)

// Health is how a device has been doing.
type Health struct {
	Device    string
	Online    bool
	Since     time.Time     // when Online became what it is
	Reason    string        // why it is offline; may be empty
	Answered  uint64        // polls with a valid answer
	Failed    uint64        // polls without
	RoundTrip time.Duration // of the last answer; zero: none yet
	LastError string        // may be empty
	Doubt     string        // why it may not be what its profile says; may be empty
	Exchanges drivers.Counts
	Sessions  map[string]int64 // of the gateway: numbers of its connections, by upstream
	Heartbeat time.Duration    // how often this is sent at least; the message lasts three of them
}

// HealthMessage is the retained device/<id>/health:
// {"status":"online","since":1795209372123,"answered":12,"failed":0,"round_trip_ms":8.21},
// with the counts of the device's exchanges that are not zero; that of the gateway
// with "sessions", the numbers of its connections upstream.
func HealthMessage(h Health) mqtt.Message {
	type payload struct {
		Status    string  `json:"status"`
		Since     int64   `json:"since"` // Unix milliseconds
		Reason    string  `json:"reason,omitempty"`
		Answered  uint64  `json:"answered"`
		Failed    uint64  `json:"failed"`
		RoundTrip float64 `json:"round_trip_ms,omitempty"`
		LastError string  `json:"last_error,omitempty"`
		Doubt     string  `json:"doubt,omitempty"`

		Requests   uint64 `json:"requests,omitempty"`
		Answers    uint64 `json:"answers,omitempty"`
		Exceptions uint64 `json:"exceptions,omitempty"`
		Silences   uint64 `json:"silences,omitempty"`
		Damaged    uint64 `json:"damaged,omitempty"`
		Repeated   uint64 `json:"repeated,omitempty"`
		Late       uint64 `json:"late,omitempty"`
		Foreign    uint64 `json:"foreign,omitempty"`

		Sessions map[string]int64 `json:"sessions,omitempty"`
	}
	e := h.Exchanges
	m := retained(h.Device, health, payload{
		Status:    string(Status(h.Device, h.Online).Payload),
		Since:     h.Since.UnixMilli(),
		Reason:    h.Reason,
		Answered:  h.Answered,
		Failed:    h.Failed,
		RoundTrip: math.Round(float64(h.RoundTrip)/1e4) / 100,
		LastError: h.LastError,
		Doubt:     h.Doubt,
		Requests:  e.Requests, Answers: e.Answers, Exceptions: e.Exceptions, Silences: e.Silences,
		Damaged: e.Damaged, Repeated: e.Repeated, Late: e.Late, Foreign: e.Foreign,
		Sessions: h.Sessions,
	})
	m.Expiry = Reporting{Heartbeat: configs.Duration(h.Heartbeat)}.expiry(0)
	return m
}
