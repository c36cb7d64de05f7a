package bridge

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// Config is one upstream: a broker elsewhere, and what goes there and comes
// from there.
type Config struct {
	// Preset names a cloud: aws, azure-eventgrid, emqx (EMQX Cloud Serverless),
	// hivemq (HiveMQ Cloud) or thingsboard. Its ports, limits and formats are
	// the defaults then, and what it does not take is a fault.
	Preset string `yaml:"preset" check:"oneof=aws|azure-eventgrid|emqx|hivemq|thingsboard"`
	// URL is where the broker is: mqtt:// (port 1883), mqtts:// (TLS, 8883),
	// ws:// (80) or wss:// (TLS, 443) with a path, which is /mqtt where none is
	// written. It must speak MQTT 5.
	URL string `yaml:"url" check:"required" aka:"address host"`
	// ClientID is the gateway's name there. Default: the gateway's id.
	ClientID string `yaml:"client_id" check:"max=65535"`
	// Username is the user name of the gateway there.
	Username string `yaml:"username" check:"max=65535"`
	// Password goes with the user name.
	Password configs.Secret `yaml:"password"`
	// CleanStart makes the broker forget, at each connection, what it kept for
	// the gateway while it was away.
	CleanStart bool `yaml:"clean_start"`
	// SessionExpiry is how long the broker keeps messages for the gateway that
	// is away, such as commands.
	SessionExpiry configs.Duration `yaml:"session_expiry" check:"min=1m,max=366d"`
	// KeepAlive is the longest silence on the connection. A link that is dead
	// is found within it, and the broker finds it within one and a half of it.
	KeepAlive configs.Duration `yaml:"keep_alive" check:"min=2s,max=18h"`
	// CA is a file of certificates in PEM that sign the broker's, relative to this
	// file, as cert and key are. All are read at each connection, so that they
	// can be renewed. Default: those that the system trusts.
	CA string `yaml:"ca"`
	// Cert is a file with the gateway's certificate in PEM.
	Cert string `yaml:"cert"`
	// Key is the file with the key of cert, in PEM.
	Key string `yaml:"key"`
	// ALPN are the protocols to offer in the TLS handshake, for brokers that
	// share a port, such as x-amzn-mqtt-ca.
	ALPN []string `yaml:"alpn"`
	// Proxy is on the way to the broker: http://host:3128 (asked to CONNECT),
	// https:// or socks5://, with user:password@ in front of the host if it wants
	// them, or none. Default: what the environment says in https_proxy or
	// all_proxy, with the exceptions of no_proxy; loopback needs none.
	Proxy configs.Secret `yaml:"proxy"`
	// Out is what goes to the broker. The first entry that takes a topic counts.
	Out []Out `yaml:"out"`
	// In is what comes from there. The first entry that takes a topic counts.
	In []In `yaml:"in"`
	// Backlog is what waits for the broker while it is away. With gateway.data it
	// waits in the store, and survives restarts; else in memory.
	Backlog BacklogConfig `yaml:"backlog"`
	// Drain is how many messages of the backlog go out in a second, beside the
	// live ones. 0: as many as the link carries. Topics that are not retained keep
	// their order: if more comes on them than this, they never catch up.
	Drain int `yaml:"drain" check:"min=0,max=1000000"`
	// Batch says how messages of the backlog go together in one.
	Batch BatchConfig `yaml:"batch"`
	// WillDelay is how long the broker waits, when the connection is lost, until
	// it says that the gateway is offline: short gaps do not show.
	WillDelay configs.Duration `yaml:"will_delay" check:"max=1h"`
	// Status says how the broker there knows that a device is online: gateway (a
	// device is up if it and its gateway are; one connection for all) or device (a
	// connection for each device that is online, with a will of its own and the
	// client id <client_id>-<device>; at most ten connect in a second).
	Status string `yaml:"status" check:"oneof=gateway|device"`
	// Format is what messages are there: plain, as they are here, thingsboard, the
	// gateway API of ThingsBoard, or sparkplug, Sparkplug B 3.0, of which the gateway
	// is an edge node. The last two have topics of their own.
	Format string `yaml:"format" check:"oneof=plain|thingsboard|sparkplug"`
	// Group is the group id of Sparkplug.
	Group string `yaml:"group"`
	// Node is the edge node id of Sparkplug. Default: the gateway's id.
	Node string `yaml:"node"`
	// PrimaryHost is the id of the Sparkplug host that births wait for. What is read
	// while it is away waits, too, and goes as historical. Default: none, and they
	// wait for nobody.
	PrimaryHost string `yaml:"primary_host"`
	// Limits are what the broker takes at most. Default: those of the preset, or
	// none.
	Limits Limits `yaml:"limits"`
}

// Out is a rule for what goes to the upstream.
type Out struct {
	// Topic is a topic filter: what is taken.
	Topic mqtt.Filter `yaml:"topic" check:"required"`
	// To is the topic there, with the same wildcards in the same order; each
	// stands for what the one of topic took. Default: the same as topic.
	To mqtt.Filter `yaml:"to"`
	// QoS is the highest quality of service that messages go with: 0, 1 or 2.
	// Default: 1.
	QoS mqtt.QoS `yaml:"qos" check:"max=2"`
}

// In is a rule for what comes from the upstream. What the upstream holds
// retained is not fetched: a command that stood there would be carried out
// again after every reconnect.
type In struct {
	// Topic is a topic filter there.
	Topic mqtt.Filter `yaml:"topic" check:"required"`
	// To is the topic here, with the same wildcards in the same order. Default:
	// the same as topic.
	To mqtt.Filter `yaml:"to"`
	// QoS is the highest quality of service that messages come with: 0, 1 or 2.
	// Default: 1.
	QoS mqtt.QoS `yaml:"qos" check:"max=2"`
}

// BacklogConfig bounds what waits for an upstream.
type BacklogConfig struct {
	// Max is how many bytes wait, each message counted with 200 bytes of its
	// own. Default: 1GiB in the store, 64MiB in memory.
	Max configs.Size `yaml:"max" check:"min=64KiB,max=1024GiB"`
	// Messages is how many messages wait. In the store each costs some 20 bytes of
	// memory.
	Messages int `yaml:"messages" check:"min=100,max=10000000"`
	// MaxAge is how long a message waits at most. 0s: for any time.
	MaxAge configs.Duration `yaml:"max_age" check:"min=0s,max=3660d"`
	// Full says what gives way when there is no more room. drop-oldest: what has
	// waited longest, the last value of each retained topic last. drop-newest: what
	// comes. refuse: what comes, and a client of MQTT 5.0 that published it is told
	// (reason code 0x97, quota exceeded), one of 3.1.1 disconnected; samples of the
	// gateway's own devices are dropped. All that is dropped is counted.
	Full string `yaml:"full" check:"oneof=drop-oldest|drop-newest|refuse"`
}

const (
	dropOldest = "drop-oldest"
	dropNewest = "drop-newest"
	refuse     = "refuse"
)

// How much waits where nothing else is said.
const (
	maxStored = 1 << 30
	maxHeld   = 64 << 20
)

// room is how many bytes may wait, in a store or in memory.
func (c *BacklogConfig) room(stored bool) configs.Size {
	switch {
	case c.Max != 0:
		return c.Max
	case stored:
		return maxStored
	}
	return maxHeld
}

// SetDefaults implements configs.Defaulter.
func (o *Out) SetDefaults() { o.QoS = mqtt.AtLeastOnce }

// SetDefaults implements configs.Defaulter.
func (i *In) SetDefaults() { i.QoS = mqtt.AtLeastOnce }

// Defaults is an upstream of which only the URL is missing.
func Defaults() Config {
	return Config{
		SessionExpiry: configs.Duration(24 * time.Hour),
		KeepAlive:     configs.Duration(30 * time.Second),
		Backlog:       BacklogConfig{Messages: 1_000_000, Full: dropOldest},
		WillDelay:     configs.Duration(10 * time.Second),
		Status:        statusGateway,
		Format:        formatPlain,
		Batch:         BatchConfig{Bytes: 64 << 10, Compress: compressNone},
		Limits:        noLimits(),
	}
}

// Validate finds what contradicts itself. No file is opened.
func (c *Config) Validate() error {
	faults := []error{c.validateURL(), c.validateTLS(), c.validatePreset(), c.validateProxy()}
	if c.Username == "" && !c.Password.IsZero() {
		faults = append(faults, configs.Bad("password", "there is no username that it belongs to"))
	}
	if c.WillDelay > c.SessionExpiry { // [MQTT-3.1.3-9]: the will goes out with the session's end
		faults = append(faults, configs.Bad("will_delay", "%v is longer than session_expiry, %v", c.WillDelay, c.SessionExpiry))
	}
	if len(c.Out)+len(c.In) == 0 && c.Format != formatSparkplug {
		faults = append(faults, configs.Bad("", "nothing goes out and nothing comes in; add out, such as out: [{topic: \"device/#\"}]"))
	}
	faults = append(faults, c.validateFormat()...)
	faults = append(faults, c.validateSparkplug()...)
	faults = append(faults, c.validateStatus()...)
	return errors.Join(append(faults, c.validateBatch()...)...)
}

// schemes are the protocols that a URL may name, with their ports.
var schemes = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}

func (c *Config) validateURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "":
		return configs.Bad("url", "%q is not an address such as mqtts://broker.example.com:8883", c.URL)
	case schemes[u.Scheme] == "":
		return configs.Bad("url", "%q is none of mqtt://, mqtts://, ws://, wss://", u.Scheme+"://")
	case u.User != nil:
		return configs.Bad("url", "write username and password as keys of their own")
	case strings.HasPrefix(u.Scheme, "mqtt") && strings.Trim(u.Path, "/") != "":
		return configs.Bad("url", "%s:// takes no path; write %s://%s", u.Scheme, u.Scheme, u.Host)
	case u.Port() != "":
		return configs.Port("url", u.Port())
	}
	return nil
}

func (c *Config) validateTLS() error {
	switch scheme, _, _ := strings.Cut(c.URL, "://"); {
	case c.Cert == "" && c.Key != "":
		return configs.Bad("key", "a key needs its certificate; add cert")
	case c.Cert != "" && c.Key == "":
		return configs.Bad("cert", "a certificate needs its key; add key")
	case scheme != "mqtt" && scheme != "ws":
	case c.CA != "":
		return configs.Bad("ca", "%s:// is not encrypted; write %ss://", scheme, scheme)
	case c.Cert != "":
		return configs.Bad("cert", "%s:// is not encrypted; write %ss://", scheme, scheme)
	case len(c.ALPN) > 0:
		return configs.Bad("alpn", "%s:// is not encrypted; write %ss://", scheme, scheme)
	}
	return nil
}

// Validate checks the topics.
func (o *Out) Validate() error { return validateRule(&rule{from: o.Topic, to: o.To}) }

// Validate checks the topics.
func (i *In) Validate() error {
	if strings.HasPrefix(string(i.To), "$") {
		return configs.Bad("to", "topics that begin with $ are the broker's own")
	}
	return validateRule(&rule{from: i.Topic, to: i.To})
}

func validateRule(r *rule) error {
	switch {
	case !r.from.Valid():
		return configs.Bad("topic", "%q is no topic filter", r.from)
	case strings.HasPrefix(string(r.from), "$share/"):
		return configs.Bad("topic", "a bridge cannot take part in a shared subscription")
	case r.to == "":
		return nil
	case !r.to.Valid():
		return configs.Bad("to", "%q is no topic filter", r.to)
	}
	if want, got := wildcards(r.from), wildcards(r.to); !slices.Equal(want, got) {
		return configs.Bad("to", "the wildcards of %q must be those of topic, %s, in the same order", r.to, listed(want))
	}
	return nil
}

// listed is a list of wildcards for people.
func listed(wildcards []string) string {
	if len(wildcards) == 0 {
		return "none"
	}
	return strings.Join(wildcards, " ")
}
