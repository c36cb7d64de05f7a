package mapping

import (
	"errors"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// longest is the longest heartbeat and expiry: far above any use, and three of
// them still fit the four bytes that MQTT has for an expiry in seconds.
const longest = 366 * 24 * time.Hour

// Reporting says when and how values go out. What a bus or a device says is the
// default of its points.
type Reporting struct {
	// Deadband is the change that is not worth a message: 0.2 in the unit of
	// the point, or 1% of the value sent last. Default: every change goes out.
	Deadband Deadband `yaml:"deadband"`
	// Heartbeat is the longest time between two messages while the device
	// answers, however little changes. 0s: on change only. Default: 60s.
	Heartbeat configs.Duration `yaml:"heartbeat"`
	// Expire is how long a value is worth something after it was sent; brokers
	// drop it then, the retained one too. A time span or never.
	// Default: three heartbeats, or three polls where these are rarer.
	Expire Expiry `yaml:"expire"`
	// QoS is the quality of service of values: 0, 1 or 2. Default: 1, because a
	// delivery gets the lower of this and what was subscribed, and with 0 a
	// client that is away for a while would miss what it asked to have kept.
	QoS mqtt.QoS `yaml:"qos" check:"max=2"`
	// Retain says whether brokers keep the last value for clients that come
	// later. Default: true.
	Retain bool `yaml:"retain"`
}

// DefaultReporting is what holds where the configuration says nothing.
func DefaultReporting() Reporting {
	return Reporting{
		Heartbeat: configs.Duration(time.Minute),
		QoS:       mqtt.AtLeastOnce,
		Retain:    true,
	}
}

// Validate finds values out of range and an expiry that no heartbeat outruns.
func (r Reporting) Validate() error {
	var faults []error
	if r.Heartbeat.D() > longest {
		faults = append(faults, configs.Bad("heartbeat", "%v is longer than a year", r.Heartbeat))
	}
	if r.QoS > mqtt.ExactlyOnce {
		faults = append(faults, configs.Bad("qos", "%d is not 0, 1 or 2", r.QoS))
	}
	return errors.Join(append(faults, r.validateExpire())...)
}

func (r Reporting) validateExpire() error {
	switch span := time.Duration(r.Expire); {
	case span <= 0:
		return nil
	case span < time.Second:
		return configs.Bad("expire", "%v is shorter than a second, which MQTT counts in", r.Expire)
	case span > longest:
		return configs.Bad("expire", "%v is longer than a year; write never", r.Expire)
	case r.Heartbeat == 0:
		return configs.Bad("expire", "a value that does not change would expire; it needs a heartbeat")
	case span <= r.Heartbeat.D():
		return configs.Bad("expire", "%v is not longer than the heartbeat of %v", r.Expire, r.Heartbeat)
	}
	return nil
}

// expiry is how long values last that are read so often; zero is for ever.
func (r Reporting) expiry(every time.Duration) time.Duration {
	switch {
	case r.Expire > 0:
		return time.Duration(r.Expire)
	case r.Expire == Never || r.Heartbeat == 0:
		return 0
	}
	return max(3*max(r.Heartbeat.D(), min(every, longest)), time.Second)
}
