package bridge

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// laws are what the clouds enforce, as they publish it: written down once more
// and apart from the presets, so that an error in one shows.
var laws = map[string]law{
	"aws": {
		rate: 100, payload: 128 << 10, topic: 256, slashes: 7, window: 100, qos: 1, keepAlive: [2]int{30, 1200},
		session: 7 * 86_400, clientID: 128, every: 900 * time.Millisecond,
	},
	"azure-eventgrid": {rate: 1000, payload: 512 << 10, window: 1000, windowBytes: 64 << 10, qos: 1, keepAlive: [2]int{1, 1160}, session: 8 * 3600},
	"emqx":            {rate: 10, payload: 1 << 20, slashes: 9, qos: 2, session: 7200, clientID: 1024},
	"hivemq":          {qos: 2},
	"thingsboard":     {payload: 65_536, qos: 1, noRetain: true, noWill: true},
}

// lawfulSite runs a bridge with a preset against a cloud that enforces its law.
func lawfulSite(t *testing.T, name string, change func(*Config)) (*site, *strict) {
	t.Helper()
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	a.issue("box", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(a.file("server.crt"), a.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	cloud := startStrict(t, laws[name], &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{alpnAWSCert, alpnAWSCustom}})
	c := For(name)
	c.Preset, c.ClientID = name, "box"
	c.URL, c.CA = "mqtts://"+cloud.addr(), a.file("ca.crt")
	c.Cert, c.Key = a.file("box.crt"), a.file("box.key")
	if presets[name].password {
		c.Username = "box"
		c.Password = secret(t, "secret")
	}
	if c.Format == formatPlain {
		c.Out = []Out{{Topic: "device/#", To: "site/device/#", QoS: mqtt.AtLeastOnce}}
	}
	if change != nil {
		change(&c)
	}
	return startSite(t, c), cloud
}

// secret is a password as a file would have it.
func secret(t *testing.T, text string) configs.Secret {
	t.Helper()
	return readSecret(t, "password: "+text)
}

// secretFile is one that stands in a file.
func secretFile(t *testing.T, file string) configs.Secret {
	t.Helper()
	return readSecret(t, "password_file: "+file)
}

func readSecret(t *testing.T, line string) configs.Secret {
	t.Helper()
	var login struct {
		Password configs.Secret `yaml:"password"`
	}
	doc := configs.Parse("x", []byte(line+"\n"), nil)
	doc.Root().Decode(&login)
	if faults := doc.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return login.Password
}

func TestPresetsKeepTheLawOfTheirCloud(t *testing.T) {
	for name, l := range laws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, cloud := lawfulSite(t, name, nil)
			s.connected()
			n := 2 * l.rate
			if n == 0 || n > 1500 {
				n = 1500
			}
			for i := range n {
				s.say("device/meter/state", `{"ts":1,"voltage":`+strings.Repeat("2", 1+i%200)+`}`, i%2 == 0)
			}
			dropped := map[string]int64{}
			if l.payload > 0 {
				s.say("device/meter/event", `"`+strings.Repeat("x", l.payload)+`"`, false)
				dropped[droppedPayload]++
			}
			if l.slashes > 0 {
				s.say("device/meter"+strings.Repeat("/x", l.slashes), "deep", false)
				dropped[droppedDeep]++
			}
			if l.topic > 0 {
				s.say("device/"+strings.Repeat("x", l.topic), "long", false)
				dropped[droppedLong]++
			}
			s.say("device/meter/event", "last", false)
			st := s.settled()
			cloud.lawful(t)
			for reason, want := range dropped {
				if st.Dropped[reason] != uint64(want) {
					t.Errorf("dropped %v, want %d %q", st.Dropped, want, reason)
				}
			}
			if st.Delivered < uint64(n)+1 {
				t.Errorf("delivered %d of %d", st.Delivered, n+1)
			}
		})
	}
}

func TestBytesInFlightAreBounded(t *testing.T) {
	s, cloud := lawfulSite(t, "azure-eventgrid", nil)
	cloud.mu.Lock()
	cloud.hold = true
	cloud.mu.Unlock()
	s.connected()
	for range 100 {
		s.say("device/meter/event", strings.Repeat("x", 10_000), false)
	}
	until(t, "as many as fit", func() bool { return len(cloud.on("site/device/meter/event")) >= 6 })
	time.Sleep(300 * time.Millisecond) // more than fits would come by now
	if got := len(cloud.on("site/device/meter/event")); got > 7 {
		t.Errorf("%d messages of 10 kB are under way, 64 kB may be", got)
	}
	cloud.lawful(t)
}

func TestAWSIsSpokenToOnPort443(t *testing.T) {
	c := For("aws")
	c.Preset, c.Cert = "aws", "x.crt"
	for url, want := range map[string]string{
		"mqtts://x-ats.iot.eu-central-1.amazonaws.com:443": alpnAWSCert,
		"mqtts://x-ats.iot.eu-central-1.amazonaws.com":     "",
	} {
		c.URL = url
		if got := strings.Join(c.alpn(), " "); got != want {
			t.Errorf("%s: ALPN %q, want %q", url, got, want)
		}
	}
	c.URL, c.Cert, c.Username = "mqtts://x:443", "", "box?x-amz-customauthorizer-name=a"
	if got := strings.Join(c.alpn(), " "); got != alpnAWSCustom {
		t.Errorf("with a custom authorizer ALPN is %q", got)
	}
}

func TestWebSocketPortsAreThoseOfTheCloud(t *testing.T) {
	for name, want := range map[string]string{"emqx": "8084", "hivemq": "8884", "aws": "443", "": "443"} {
		c := Config{Preset: name}
		if got := c.port("wss"); got != want {
			t.Errorf("%q: port %s, want %s", name, got, want)
		}
	}
}

func TestPacerKeepsEverySecondWithinItsLimit(t *testing.T) {
	for _, limit := range []int{1, 10, 100, 1000} {
		p, now := newPacer(&Limits{Rate: limit}), time.Unix(1000, 0)
		var sent []time.Time
		for end := now.Add(10 * time.Second); now.Before(end); {
			if wait := p.wait(now); wait > 0 {
				now = now.Add(wait)
				continue
			}
			p.take(1)
			sent = append(sent, now)
		}
		if got, want := len(sent), 10*limit*8/10; got < want {
			t.Errorf("%d a second: %d in ten, want %d at least", limit, got, want)
		}
		for i := range sent {
			if i+limit < len(sent) && sent[i+limit].Sub(sent[i]) < time.Second {
				t.Fatalf("%d a second: %d within %v", limit, limit+1, sent[i+limit].Sub(sent[i]))
			}
		}
	}
}

func TestPacerBoundsBytes(t *testing.T) {
	p, now := newPacer(&Limits{Bytes: 100_000}), time.Unix(1000, 0)
	sum := 0
	for end := now.Add(10 * time.Second); now.Before(end); {
		if wait := p.wait(now); wait > 0 {
			now = now.Add(wait)
			continue
		}
		p.take(5000)
		sum += 5000
	}
	if sum > 1_000_000 || sum < 800_000 {
		t.Errorf("%d bytes in ten seconds, 100000 may go in one", sum)
	}
}
