package access

import (
	"net"
	"testing"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func text(s string) *string { return &s }

// users have the passwords that are their names backwards.
func users(t *testing.T) *Users {
	t.Helper()
	u, err := Parse("users", "ann:"+Encode([]byte("nna"))+"\nbob:"+Encode([]byte("bob"))+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func peer(user, client string) *broker.Peer {
	return &broker.Peer{User: user, ClientID: client, Anonymous: user == "", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}}
}

func TestRulesDecide(t *testing.T) {
	rules := Rules{
		{User: text("dashboard"), Subscribe: []mqtt.Filter{"device/#"}, Publish: []mqtt.Filter{"device/+/+/set"}},
		{User: text("none")},
		{User: text(""), Subscribe: []mqtt.Filter{"public/+"}},
		{User: text("monitor"), Subscribe: []mqtt.Filter{"$SYS/#", "#"}},
		{User: text("plc-*"), Client: "plc-*", Publish: []mqtt.Filter{"plant/%c/#"}, Subscribe: []mqtt.Filter{"plant/+/%c"}},
		{Cert: "meter-*", Publish: []mqtt.Filter{"meters/%u/value"}},
		{User: text("*"), Subscribe: []mqtt.Filter{"device/%u/#"}, Publish: []mqtt.Filter{"device/%u/#", "%u/x"}},
	}
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	const pub, sub = "publish", "subscribe"
	for _, c := range []struct {
		name, user, client, cert string
		do, what                 string
		want                     bool
	}{
		{"reads as its rule says", "dashboard", "d", "", sub, "device/#", true},
		{"reads less than its rule says", "dashboard", "d", "", sub, "device/+/state", true},
		{"reads one topic", "dashboard", "d", "", sub, "device/boiler/flow", true},
		{"reads the parent of a #", "dashboard", "d", "", sub, "device", true},
		{"does not read more", "dashboard", "d", "", sub, "#", false},
		{"does not read more with a +", "dashboard", "d", "", sub, "+/#", false},
		{"does not read more in a share", "dashboard", "d", "", sub, "$share/g/#", false},
		{"reads in a share", "dashboard", "d", "", sub, "$share/g/device/+", true},
		{"writes as its rule says", "dashboard", "d", "", pub, "device/boiler/flow/set", true},
		{"does not write elsewhere", "dashboard", "d", "", pub, "device/boiler/flow", false},
		{"does not get what a later rule says", "dashboard", "d", "", pub, "device/dashboard/x", false},
		{"may nothing by an empty rule", "none", "d", "", sub, "device/none/x", false},
		{"without a user is not *", "", "d", "", sub, "device/#", false},
		{"without a user has a rule of its own", "", "d", "", sub, "public/+", true},
		{"without a user does not read deeper", "", "d", "", sub, "public/#", false},
		{"reads what begins with $ where it is named", "monitor", "d", "", sub, "$SYS/broker/uptime", true},
		{"reads the rest by #", "monitor", "d", "", sub, "#", true},
		{"is one of several by pattern", "plc-7", "plc-7", "", pub, "plant/plc-7/x", true},
		{"is not another one", "plc-7", "plc-7", "", pub, "plant/plc-8/x", false},
		{"needs both keys to fit", "plc-7", "x", "", pub, "plant/x/x", false},
		{"reads with its id at the end", "plc-7", "plc-7", "", sub, "plant/a/plc-7", true},
		{"does not read the ids of others", "plc-7", "plc-7", "", sub, "plant/a/+", false},
		{"is known by its certificate", "meter-1", "x", "meter-1", pub, "meters/meter-1/value", true},
		{"is not known without one", "meter-1", "x", "", pub, "meters/meter-1/value", false},
		{"has its own topics", "ann", "x", "", sub, "device/ann/#", true},
		{"does not have those of others", "ann", "x", "", sub, "device/bob/#", false},
		{"does not have $SYS by a #", "ann", "x", "", sub, "$SYS/#", false},

		{"a user called +", "+", "x", "", sub, "device/+/#", false},
		{"a user called #", "#", "x", "", sub, "device/#", false},
		{"a user with a level", "ann/x", "x", "", sub, "device/ann/x/#", false},
		{"a user with a wildcard inside", "a+", "x", "", sub, "device/a+/#", false},
		{"a user called $SYS", "$SYS", "x", "", pub, "$SYS/x", false},
		{"a user that is a placeholder", "%c", "+", "", sub, "device/+/#", false},
		{"a user that is a placeholder has its own topics", "%c", "bob", "", sub, "device/%c/#", true},
		{"a user that is a placeholder has none of others", "%c", "bob", "", sub, "device/bob/#", false},
		{"a client with a wildcard", "plc-7", "plc-+", "", pub, "plant/plc-+/x", false},
		{"a client with levels", "plc-7", "plc-7/#", "", sub, "plant/a/plc-7/#", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			control := New(users(t), rules)
			p := peer(c.user, c.client)
			p.Cert = c.cert
			got := false
			if c.do == pub {
				got = control.MayPublish(p, c.what)
				if told := takes(control.Publishable(p), c.what); told != got {
					t.Errorf("user %q is told %v of %s, which is %v", c.user, told, c.what, got)
				}
			} else {
				got = control.MaySubscribe(p, mqtt.Filter(c.what))
				for _, f := range control.Subscribable(p) {
					if !control.MaySubscribe(p, f) && len(control.Denied(p)) == 0 {
						t.Errorf("user %q is told of %s, which is refused", c.user, f)
					}
				}
			}
			if got != c.want {
				t.Errorf("user %q, client %q: %s %s: %v", c.user, c.client, c.do, c.what, got)
			}
		})
	}
}

func TestWithoutRulesOnlySystemTopicsAreKept(t *testing.T) {
	control := New(nil, nil)
	for _, local := range []bool{true, false} {
		p := &broker.Peer{Local: local}
		if !control.MayPublish(p, "a") || !control.MaySubscribe(p, "#") {
			t.Error("a client may not do all")
		}
		if control.MaySubscribe(p, "$SYS/#") != local || control.MaySubscribe(p, "$share/g/$SYS/#") != local {
			t.Errorf("local %v: $SYS is as for the others", local)
		}
		if told := control.Publishable(p); !takes(told, "a") || takes(told, "$CONTROL/log") != local {
			t.Errorf("local %v: told of %v", local, told)
		}
		if told := control.Subscribable(p); !takes(told, "a") || takes(told, "$SYS/broker/uptime") != local {
			t.Errorf("local %v: told of %v", local, told)
		}
		if state := "$SYS/broker/connection/box/state"; !control.MayPublish(p, state) || !takes(control.Publishable(p), state) {
			t.Errorf("local %v: a bridge may not say that it is up", local)
		}
	}
	none := New(nil, Rules{})
	if p := (&broker.Peer{Local: true}); none.MayPublish(p, "a") || none.MaySubscribe(p, "a") {
		t.Error("an empty list of rules allows something")
	}
}

func TestClientsComeInAsTheyAreKnown(t *testing.T) {
	withUsers, without := New(users(t), nil), New(nil, nil)
	for _, c := range []struct {
		name     string
		control  *Control
		peer     broker.Peer
		password string
		want     packet.Reason
		user     string
	}{
		{"with its password", withUsers, broker.Peer{User: "ann"}, "nna", packet.Success, "ann"},
		{"not with another", withUsers, broker.Peer{User: "ann"}, "bob", packet.BadUserOrPassword, "ann"},
		{"not with an empty one", withUsers, broker.Peer{User: "ann"}, "", packet.BadUserOrPassword, "ann"},
		{"not with none", withUsers, broker.Peer{User: "ann"}, "-", packet.BadUserOrPassword, "ann"},
		{"not as nobody", withUsers, broker.Peer{User: "eve"}, "eve", packet.BadUserOrPassword, "eve"},
		{"not with a wrong password where anonymous ones may come", withUsers, broker.Peer{User: "ann", Anonymous: true}, "x", packet.BadUserOrPassword, "ann"},
		{"without a name where it may", withUsers, broker.Peer{Anonymous: true}, "-", packet.Success, ""},
		{"not without a name elsewhere", withUsers, broker.Peer{}, "-", packet.NotAuthorized, ""},
		{"without being believed where there are no users", without, broker.Peer{User: "ann", Anonymous: true}, "x", packet.Success, ""},
		{"not where nobody is known", without, broker.Peer{User: "ann"}, "x", packet.BadUserOrPassword, "ann"},
		{"by its certificate", without, broker.Peer{User: "bob", Cert: "ann", CertUser: true}, "-", packet.Success, "ann"},
		{"not by a certificate that is not asked for its name", without, broker.Peer{Cert: "ann"}, "-", packet.NotAuthorized, ""},
		{"not without a certificate that names it", withUsers, broker.Peer{CertUser: true}, "-", packet.NotAuthorized, ""},
		{"by its password if it has no certificate", withUsers, broker.Peer{User: "ann", CertUser: true}, "nna", packet.Success, "ann"},
	} {
		t.Run(c.name, func(t *testing.T) {
			password := []byte(c.password)
			if c.password == "-" {
				password = nil
			}
			got := c.control.Connect(&c.peer, password)
			if got != c.want || c.peer.User != c.user {
				t.Errorf("got %v as %q, want %v as %q", got, c.peer.User, c.want, c.user)
			}
		})
	}
}

func TestClientStaysAsLongAsItsPasswordDoes(t *testing.T) {
	u := users(t)
	control := New(u, nil)
	ann, guest := peer("ann", "a"), peer("", "g")
	for _, r := range []packet.Reason{control.Connect(ann, []byte("nna")), control.Connect(guest, nil)} {
		if r != packet.Success {
			t.Fatal(r)
		}
	}
	for _, c := range []struct {
		name  string
		users *Users
		stays bool
	}{
		{"as before", u, true},
		{"with another hash", users(t), false},
		{"without users", nil, false},
		{"as before again", u, true},
	} {
		control.Set(c.users, nil)
		if control.Stays(ann) != c.stays || !control.Stays(guest) {
			t.Errorf("%s: ann stays %v, the guest %v", c.name, control.Stays(ann), control.Stays(guest))
		}
	}
}

func TestNewRulesCountForThoseWhoAreConnected(t *testing.T) {
	control := New(nil, Rules{{Publish: []mqtt.Filter{"a", "%c"}}})
	p := peer("", "")
	if r := control.Connect(p, nil); r != packet.Success {
		t.Fatal(r)
	}
	if !control.MayPublish(p, "a") || control.MayPublish(p, "me") {
		t.Error("the first rules do not count")
	}
	p.ClientID = "me" // as the broker chose it
	if !control.MayPublish(p, "me") {
		t.Error("the id that the broker chose does not count")
	}
	control.Set(nil, Rules{{Publish: []mqtt.Filter{"b"}}})
	if control.MayPublish(p, "a") || !control.MayPublish(p, "b") {
		t.Error("the new rules do not count")
	}
}

func BenchmarkMayPublish(b *testing.B) {
	control := New(nil, Rules{{User: text("x")}, {Publish: []mqtt.Filter{"plant/%c/#", "device/+/+/set", "device/%c/#"}}})
	p := &broker.Peer{ClientID: "meter-1", Anonymous: true}
	control.Connect(p, nil)
	b.ReportAllocs()
	for b.Loop() {
		if !control.MayPublish(p, "device/meter-1/voltage") {
			b.Fatal("not allowed")
		}
	}
}
