package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"fieldmq/configs"
)

// preset is a cloud: what it needs, and what it does not take.
type preset struct {
	who      string            // its name for people
	schemes  []string          // of the URLs that it serves
	ports    map[string]string // where they differ from what is usual
	alive    [2]time.Duration  // bounds of keep alive
	session  time.Duration     // most of session expiry; 0: any
	clientID int               // most bytes of a client id; 0: any
	admits   string            // how it lets gateways in, for people
	password bool              // a user name without a password is nobody
	format   string
	limits   func(*Limits)
}

const (
	presetAWS         = "aws"
	presetAzure       = "azure-eventgrid"
	presetEMQX        = "emqx"
	presetHiveMQ      = "hivemq"
	presetThingsBoard = "thingsboard"
)

// presets are the clouds that are known. Their numbers are those that the
// providers publish for plans without extras.
var presets = map[string]preset{
	presetAWS: {
		who:      "AWS IoT Core",
		schemes:  []string{"mqtts", "wss"},
		alive:    [2]time.Duration{30 * time.Second, 1200 * time.Second},
		session:  7 * 24 * time.Hour,
		clientID: 128,
		admits:   "set cert and key, or username and password of a custom authorizer",
		limits: func(l *Limits) {
			l.Rate, l.Bytes, l.Payload = 100, 512<<10, 128<<10
			l.Topic, l.Levels = 256, 8 // it counts seven slashes
			l.InFlight, l.QoS, l.Subscriptions, l.HangsUp = 100, 1, 50, true
		},
	},
	presetAzure: {
		who:     "Azure Event Grid",
		schemes: []string{"mqtts", "wss"},
		alive:   [2]time.Duration{0, 1160 * time.Second},
		session: 8 * time.Hour,
		admits:  "set cert and key, and username to the client's authentication name",
		limits: func(l *Limits) {
			l.Rate, l.Bytes, l.Payload = 1000, 1<<20, 512<<10
			l.InFlight, l.InFlightBytes, l.QoS, l.HangsUp = 1000, 64<<10, 1, true
		},
	},
	presetEMQX: {
		who:      "EMQX Cloud Serverless",
		schemes:  []string{"mqtts", "wss"},
		ports:    map[string]string{"wss": "8084"},
		session:  2 * time.Hour,
		clientID: 1024,
		admits:   "set username and password",
		password: true,
		limits: func(l *Limits) {
			l.Rate, l.Payload, l.Levels, l.Subscriptions = 10, 1<<20, 10, 10
		},
	},
	presetHiveMQ: {
		who:      "HiveMQ Cloud",
		schemes:  []string{"mqtts", "wss"},
		ports:    map[string]string{"wss": "8884"},
		admits:   "set username and password",
		password: true,
	},
	presetThingsBoard: {
		who:     "ThingsBoard",
		schemes: []string{"mqtt", "mqtts"},
		admits:  "set username to the gateway's access token, or cert and key",
		format:  formatThingsBoard,
		limits: func(l *Limits) {
			l.Payload, l.QoS, l.Retain, l.Will = 65_536, 1, false, false
		},
	},
}

// For is Defaults of an upstream with a preset. A name that is not known
// changes nothing: Validate refuses it.
func For(name string) Config {
	c := Defaults()
	p, known := presets[name]
	if !known {
		return c
	}
	if p.session > 0 {
		c.SessionExpiry = min(c.SessionExpiry, configs.Duration(p.session))
	}
	if p.format != "" {
		c.Format, c.Out, c.Batch.Messages = p.format, tbRules(), 100
		c.Batch.Bytes = min(c.Batch.Bytes, 60_000) // the frame around it must fit, too
	}
	if p.limits != nil {
		p.limits(&c.Limits)
	}
	return c
}

// validatePreset finds what the cloud does not take, and what it needs.
func (c *Config) validatePreset() error {
	p, known := presets[c.Preset]
	if !known {
		return c.Limits.validate(c, "the broker")
	}
	faults := []error{c.Limits.validate(c, p.who), p.validateURL(c), p.validateLogin(c)}
	low, high := configs.Duration(p.alive[0]), configs.Duration(p.alive[1])
	if high > 0 && (c.KeepAlive < low || c.KeepAlive > high) {
		faults = append(faults, configs.Bad("keep_alive", "%v: %s takes %s", c.KeepAlive, p.who, within(low, high)))
	}
	if p.session > 0 && c.SessionExpiry > configs.Duration(p.session) {
		faults = append(faults, configs.Bad("session_expiry", "%v: %s takes %s", c.SessionExpiry, p.who, within(0, configs.Duration(p.session))))
	}
	if p.clientID > 0 && len(c.ClientID) > p.clientID {
		faults = append(faults, configs.Bad("client_id", "%d bytes: %s takes %d", len(c.ClientID), p.who, p.clientID))
	}
	if p.format != "" && c.Format != p.format {
		faults = append(faults, configs.Bad("format", "%s understands %s only", p.who, p.format))
	}
	return errors.Join(append(faults, c.validateAWS()...)...)
}

func (p *preset) validateURL(c *Config) error {
	scheme, _, _ := strings.Cut(c.URL, "://")
	if schemes[scheme] == "" || slices.Contains(p.schemes, scheme) { // what is no URL at all is said elsewhere
		return nil
	}
	return configs.Bad("url", "%s does not listen on %s://; write %s://", p.who, scheme, strings.Join(p.schemes, ":// or "))
}

func (p *preset) validateLogin(c *Config) error {
	switch {
	case p.password && c.Username != "" && c.Password.IsZero():
		return configs.Bad("username", "%s wants a password with it; add password_file", p.who)
	case p.password && c.Username == "", c.Username == "" && c.Cert == "":
		return configs.Bad("", "%s lets nobody in who is nobody: %s", p.who, p.admits)
	}
	return nil
}

// The protocols that AWS offers on its port 443: with certificates, and with an
// authorizer of the user's.
const (
	alpnAWSCert   = "x-amzn-mqtt-ca"
	alpnAWSCustom = "mqtt"
)

// validateAWS checks what is particular to AWS.
func (c *Config) validateAWS() (faults []error) {
	if c.Preset != presetAWS {
		return nil
	}
	if strings.HasPrefix(c.URL, "wss://") && c.Username == "" {
		faults = append(faults, configs.Bad("url", "AWS IoT Core takes certificates on mqtts:// only; wss:// wants a username of a custom authorizer"))
	}
	if c.awsPort443() && len(c.ALPN) > 0 && !slices.Contains(c.ALPN, alpnAWSCert) && !slices.Contains(c.ALPN, alpnAWSCustom) {
		faults = append(faults, configs.Bad("alpn", "port 443 of AWS IoT Core speaks %s (certificates) and %s (custom authorizers); leave alpn out", alpnAWSCert, alpnAWSCustom))
	}
	for i, o := range c.Out {
		if to := string((&rule{from: o.Topic, to: o.To}).target()); strings.HasPrefix(to, "$") && !strings.HasPrefix(to, "$aws/") {
			faults = append(faults, configs.Bad(fmt.Sprintf("out[%d].%s", i, toKey(o.To)), "AWS IoT Core keeps topics that begin with $ for itself, but for $aws/"))
		}
	}
	return faults
}

func (c *Config) awsPort443() bool {
	u, err := url.Parse(c.URL)
	return err == nil && c.Preset == presetAWS && u.Scheme == "mqtts" && u.Port() == "443"
}

// alpn are the protocols to offer in the TLS handshake.
func (c *Config) alpn() []string {
	switch {
	case len(c.ALPN) > 0 || !c.awsPort443():
		return c.ALPN
	case c.Cert != "":
		return []string{alpnAWSCert}
	}
	return []string{alpnAWSCustom}
}

// port is where the broker listens if the URL does not say it.
func (c *Config) port(scheme string) string {
	if port := presets[c.Preset].ports[scheme]; port != "" {
		return port
	}
	return schemes[scheme]
}

// Address is the host and port of the broker; what is no URL is given as it is.
func (c *Config) Address() string {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" {
		return c.URL
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), cmp.Or(u.Port(), c.port(u.Scheme)))
}
