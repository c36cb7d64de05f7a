package bridge

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"fieldmq/configs"
)

// startPresent is a site whose devices have sessions of their own, behind a
// proxy, and a watcher of the cloud.
func startPresent(t *testing.T, devices int) (*site, *proxy, *watcher) {
	t.Helper()
	c := startCloud(t)
	p := startProxy(t, "127.0.0.1:"+c.port)
	far := watch(t, "127.0.0.1:"+c.port, "site/device/+/status")
	conf := config(p.url())
	conf.Status, conf.KeepAlive = statusDevice, configs.Duration(2*time.Second)
	s := startSite(t, conf)
	for i := range devices {
		s.say(fmt.Sprintf("device/d%d/status", i), "online", true)
	}
	for i := range devices {
		far.expect(fmt.Sprintf("site/device/d%d/status", i), "online")
	}
	return s, p, far
}

// last waits until the newest message on a device's status is a word, and
// returns its session number.
func last(t *testing.T, far *watcher, device, word string) int64 {
	t.Helper()
	var number int64
	until(t, device+" "+word, func() bool {
		got := far.all("site/device/" + "+/status")
		for i := len(got) - 1; i >= 0; i-- {
			if got[i].Topic != "site/device/"+device+"/status" {
				continue
			}
			number, _ = strconv.ParseInt(property(got[i], "session"), 10, 64)
			return string(got[i].Payload) == word && got[i].Retain
		}
		return false
	})
	return number
}

func TestEachDeviceHasAWillOfItsOwn(t *testing.T) {
	s, p, far := startPresent(t, 3)
	before := map[string]int64{}
	for _, d := range []string{"d0", "d1", "d2"} {
		before[d] = last(t, far, d, "online")
	}
	if n := links(p); n != 4 {
		t.Errorf("%d connections, want the gateway's and three", n)
	}
	p.set(func(p *proxy) { p.shut = true })
	p.cut()
	for d, n := range before {
		if will := last(t, far, d, "offline"); will != n {
			t.Errorf("%s: the will has session %d, want %d", d, will, n)
		}
	}
	p.set(func(p *proxy) { p.shut = false })
	for d, n := range before {
		if now := last(t, far, d, "online"); now <= n {
			t.Errorf("%s: session %d does not rise above %d", d, now, n)
		}
	}
	s.stop()
	for d := range before {
		last(t, far, d, "offline")
	}
}

func links(p *proxy) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links) / 2
}

// The clock of a box without a battery goes back at a restart, and a thousand devices
// connect more often than it ticks.
func TestNumbersOfDevicesRiseOverRestarts(t *testing.T) {
	kept := &pocket{}
	before := int64(0)
	for range 3 {
		b := New(config("mqtt://x"), Identity{Gateway: "box", Upstream: "cloud"}, nil, kept, quiet)
		p := &presence{Bridge: b}
		for range 2 {
			(&link{Bridge: b}).countSession()
			for range 5000 {
				n := p.nextNumber()
				if n <= before || n > 1<<53 {
					t.Fatalf("%d comes after %d", n, before)
				}
				before = n
			}
		}
	}
}

func TestADeviceTurnsByItself(t *testing.T) {
	s, p, far := startPresent(t, 2)
	s.say("device/d0/status", "offline", true)
	last(t, far, "d0", "offline")
	last(t, far, "d1", "online")
	until(t, "one connection less", func() bool { return links(p) == 2 })
	s.say("device/d0/status", "online", true)
	last(t, far, "d0", "online")
	s.say("device/d0/status", "", true)
	last(t, far, "d0", "")
}

func TestADeviceContradictsWhoSaysThatItIsGone(t *testing.T) {
	_, _, far := startPresent(t, 1)
	far.publish(&paho.Publish{Topic: "site/device/d0/status", Payload: []byte("offline"), QoS: 1, Retain: true})
	far.expect("site/device/d0/status", "offline")
	last(t, far, "d0", "online")
}

func TestADeviceSaysThatItIsGoneWhileAWordIsOnTheWay(t *testing.T) {
	s, p, far := startPresent(t, 1)
	p.set(func(p *proxy) { p.delay = 300 * time.Millisecond })
	said := len(far.all("site/device/d0/status"))
	far.publish(&paho.Publish{Topic: "site/device/d0/status", Payload: []byte("offline"), QoS: 1, Retain: true})
	until(t, "contradicted", func() bool { return len(far.all("site/device/d0/status")) >= said+2 })
	s.stop() // its acknowledgement is still in the proxy
	last(t, far, "d0", "offline")
}

func TestDevicesConnectOneAfterTheOther(t *testing.T) {
	const devices = 2*mostConnects + 5
	cloud := startStrict(t, law{qos: 2}, nil)
	conf := config("mqtt://" + cloud.addr())
	conf.Status = statusDevice
	s := startSite(t, conf)
	for i := range devices {
		s.say(fmt.Sprintf("device/d%d/status", i), "online", true)
	}
	until(t, "all connected", func() bool { return len(cloud.on("site/device/+/status")) > devices })
	cloud.mu.Lock()
	defer cloud.mu.Unlock()
	for i := 1; i+mostConnects < len(cloud.dials); i++ { // the first is the gateway's
		if d := cloud.dials[i+mostConnects].Sub(cloud.dials[i]); d < 900*time.Millisecond {
			t.Errorf("%d connect within %v", mostConnects+1, d)
		}
	}
}

func TestStatusOfDevicesNeedsARule(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Out = []Out{{Topic: "device/+/state", QoS: 1}} },
		func(c *Config) { c.Limits.Will = false },
		func(c *Config) { c.Format = formatThingsBoard },
	} {
		c := config("mqtt://x")
		c.Status = statusDevice
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		if change(&c); c.Validate() == nil {
			t.Errorf("no fault in %+v", c)
		}
	}
}
