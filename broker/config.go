package broker

import (
	"errors"
	"time"

	"fieldmq/broker/packet"
	"fieldmq/configs"
)

// Config are the limits of a broker. What a client may cost is bounded by them.
type Config struct {
	// MaxConnections is the number of clients that may be connected at once.
	MaxConnections int `yaml:"max_connections"`
	// ConnectTimeout is how long a client may take for its CONNECT.
	ConnectTimeout configs.Duration `yaml:"connect_timeout"`
	// MaxKeepAlive is the longest keep alive; a client of MQTT 5.0 that asks for
	// more, or for none, is told to use this one. 0s: any is taken.
	MaxKeepAlive configs.Duration `yaml:"max_keep_alive" aka:"max_keepalive"`
	// MaxPacketSize is the size in bytes of the largest packet that a client may
	// send.
	MaxPacketSize int `yaml:"max_packet_size" aka:"maximum_packet_size"`
	// MessageSizeLimit is the size in bytes of the largest payload that a client may
	// publish. A larger one goes nowhere: with QoS 1 and 2 a client of MQTT 5.0 is
	// answered with 0x97, quota exceeded, and one of 3.1.1, which has no such answer,
	// as if it had arrived. A client with such a will is refused. 0: what fits a packet.
	MessageSizeLimit int `yaml:"message_size_limit"`
	// AllowZeroLengthClientID lets clients in that name no client id; they are given
	// one. If not, they are refused: 0x85 in MQTT 5.0, 2 in 3.1.1.
	AllowZeroLengthClientID bool `yaml:"allow_zero_length_clientid"`
	// ReceiveMaximum is how many messages of QoS 2 a client may have begun to
	// send and not finished.
	ReceiveMaximum int `yaml:"receive_maximum"`
	// MaxQoS is the highest quality of service that clients may publish with: 0, 1
	// or 2. Subscriptions are granted that much at most.
	MaxQoS int `yaml:"max_qos" aka:"maximum_qos"`
	// Retain lets clients publish retained messages.
	Retain bool `yaml:"retain" aka:"retain_available"`
	// CheckRetainSource gives a retained message to a new subscriber only while the
	// client that published it may still publish to its topic, by the rules of
	// access. Who that was is kept with the message.
	CheckRetainSource bool `yaml:"check_retain_source"`
	// MaxInFlight is how many messages of QoS 1 and 2 are under way to a client
	// before the next has to wait. A client may ask for fewer.
	MaxInFlight int `yaml:"max_in_flight" aka:"max_inflight_messages"`
	// MaxQueued is how many messages wait for a client that is away or slow.
	// queue_full says which are dropped then; of QoS 0, which only the slow are kept for, more than
	// a thousand.
	MaxQueued int `yaml:"max_queued" aka:"max_queued_messages"`
	// MaxQueuedBytes is how many bytes of messages wait for a client, and how
	// many are under way to it.
	MaxQueuedBytes int `yaml:"max_queued_bytes"`
	// MaxQueuedTotal is how many bytes of messages wait for all clients together, each
	// message counted once, and 96 bytes for each client that it waits for. Beyond it the
	// queue of a client is full with a hundred messages or 64 KiB, or as much as is in it.
	MaxQueuedTotal int `yaml:"max_queued_total"`
	// QueueFull is what gives way when a client's queue is full: drop-newest, the
	// message that comes, as mosquitto has it; or drop-oldest, those that have
	// waited longest, but none for one of a lower QoS.
	QueueFull Overflow `yaml:"queue_full"`
	// MaxSubscriptions is the number of subscriptions that a client may have.
	MaxSubscriptions int `yaml:"max_subscriptions"`
	// MaxTopicAliases is how many topics may be shortened to a number on one
	// connection, in each direction.
	MaxTopicAliases int `yaml:"max_topic_aliases" aka:"max_topic_alias"`
	// Shared is how the messages of a shared subscription, $share/<name>/<filter>,
	// fall to its members: to each in turn (round-robin), by chance (random), to
	// one until it is offline (sticky), to one for what a client publishes
	// (hash-client) or for a topic (hash-topic).
	Shared Sharing `yaml:"shared"`
	// CheckPayload refuses messages that say to be text, with the payload format
	// indicator, and are not UTF-8.
	CheckPayload bool `yaml:"check_payload"`
	// SysInterval is how often what the broker counts is published under
	// $SYS/broker/..., with the names that mosquitto has for it. 0s: not at all,
	// nor that clients come and go.
	SysInterval configs.Duration `yaml:"sys_interval"`
	// MaxSessionExpiry is how long the session of a client that is away is kept
	// at most, also where a client asks for ever.
	MaxSessionExpiry configs.Duration `yaml:"max_session_expiry" aka:"persistent_client_expiration"`
	// MaxSessions is the number of sessions, those of clients that are away too. When
	// there are so many, only clients come in that have one, or whose session ends
	// with their connection.
	MaxSessions int `yaml:"max_sessions"`
	// MaxRetained is the number of topics with a retained message. What comes beyond
	// it is not retained: a client of MQTT 5.0 is answered with 0x97, quota exceeded,
	// and what others send still reaches those who are connected.
	MaxRetained int `yaml:"max_retained"`
}

// Defaults are the limits of a broker on a small machine.
func Defaults() Config {
	return Config{
		MaxConnections:   10_000,
		ConnectTimeout:   configs.Duration(10 * time.Second),
		MaxPacketSize:    1 << 20,
		ReceiveMaximum:   1000,
		MaxQoS:           2,
		Retain:           true,
		MaxInFlight:      100,
		MaxQueued:        10_000,
		MaxQueuedBytes:   16 << 20,
		MaxQueuedTotal:   128 << 20,
		MaxSubscriptions: 1000,
		MaxTopicAliases:  64,
		SysInterval:      configs.Duration(10 * time.Second),
		MaxSessionExpiry: configs.Duration(30 * 24 * time.Hour),
		MaxSessions:      20_000,
		MaxRetained:      100_000,

		AllowZeroLengthClientID: true,
		CheckRetainSource:       true,
	}
}

// Validate says which limits make no sense.
func (c *Config) Validate() error {
	return errors.Join(
		within("max_connections", c.MaxConnections, 1, 1_000_000),
		within("max_packet_size", c.MaxPacketSize, 20, packet.MaxPacket),
		within("message_size_limit", c.MessageSizeLimit, 0, packet.MaxPacket),
		within("receive_maximum", c.ReceiveMaximum, 1, 65_535),
		within("max_qos", c.MaxQoS, 0, 2),
		within("max_in_flight", c.MaxInFlight, 1, 65_535),
		within("max_queued", c.MaxQueued, 1, 10_000_000),
		within("max_queued_bytes", c.MaxQueuedBytes, 1024, 1<<31-1),
		within("max_queued_total", c.MaxQueuedTotal, 1024, 1<<31-1),
		within("max_subscriptions", c.MaxSubscriptions, 1, 1_000_000),
		within("max_topic_aliases", c.MaxTopicAliases, 0, 65_535),
		within("max_sessions", c.MaxSessions, 1, 10_000_000),
		within("max_retained", c.MaxRetained, 0, 10_000_000),
		between("connect_timeout", c.ConnectTimeout, time.Second, time.Hour),
		between("max_keep_alive", c.MaxKeepAlive, 0, 65_535*time.Second),
		between("sys_interval", c.SysInterval, 0, time.Hour),
		between("max_session_expiry", c.MaxSessionExpiry, 0, 10*365*24*time.Hour),
	)
}

func within(key string, v, low, high int) error {
	if v < low || v > high {
		return configs.Bad(key, "%d is not between %d and %d", v, low, high)
	}
	return nil
}

func between(key string, v configs.Duration, low, high time.Duration) error {
	if v.D() < low || v.D() > high {
		return configs.Bad(key, "%v is not between %v and %v", v, configs.Duration(low), configs.Duration(high))
	}
	return nil
}
