package bridge

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

// notes is a log in memory.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, string(p))
	return len(p), nil
}

// with are the lines that hold a text.
func (n *notes) with(text string) (found []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

func TestTroubleIsToldOncePerChangeOfState(t *testing.T) {
	p := startProxy(t, "127.0.0.1:"+startCloud(t).port)
	logged := &notes{}
	s := startSiteWith(t, config(p.url()), slog.New(slog.NewTextHandler(logged, nil)))
	s.connected()
	dials := 0
	p.set(func(p *proxy) { p.shut, dials = true, p.dials })
	p.cut()
	until(t, "three tries failed", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.dials >= dials+3
	})
	if got := logged.with("another client may use the same client_id"); len(got) != 1 {
		t.Errorf("told %q", got)
	}
	// First that it closed the connection, then that it does so in answer to CONNECT.
	if got := logged.with("upstream is away"); len(got) != 2 {
		t.Errorf("told %q", got)
	}
	p.set(func(p *proxy) { p.shut = false })
	s.connected()
	p.set(func(p *proxy) { p.shut = true })
	p.cut()
	until(t, "told again", func() bool { return len(logged.with("upstream is away")) == 4 })
	if got := logged.with("upstream is connected"); len(got) != 2 {
		t.Errorf("told %q", got)
	}
}

func TestWhoIsHungUpOnAgainAndAgainSlowsDown(t *testing.T) {
	var p pause
	longest := func(tries int) (d time.Duration) {
		for range tries {
			d = max(d, p.next(errHungUp))
		}
		return d
	}
	if d := longest(eagerHungUp); d > 2*time.Second {
		t.Errorf("waits %v for a server that may have restarted", d)
	}
	if d := longest(200); d < 10*time.Second || d > shortest+longestHungUp {
		t.Errorf("waits %v at most for a server that goes on to hang up", d)
	}
	p.reset()
	if d := longest(1); d > 2*time.Second {
		t.Errorf("waits %v after a connection that was of use", d)
	}
}

// passwords is a cloud that knows the user box with the password secret.
func passwords(t *testing.T) *strict {
	t.Helper()
	cloud := startStrict(t, law{qos: 2}, nil)
	cloud.admit = func(c *packet.Connect) packet.Reason {
		if c.User == "box" && string(c.Password) == "secret" {
			return packet.Success
		}
		return packet.BadUserOrPassword
	}
	return cloud
}

func TestPasswordFileIsReadAgain(t *testing.T) {
	cloud := passwords(t)
	file := t.TempDir() + "/password"
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong")
	conf := config("mqtt://" + cloud.addr())
	conf.Username, conf.Password = "box", secretFile(t, file)
	s := startSite(t, conf)
	until(t, "trouble", func() bool { return s.Stats().Trouble != "" })
	if got := s.Stats().Trouble; got != "bad user name or password" {
		t.Errorf("told %q", got)
	}
	write("secret")
	raw, err := s.config.dial(t.Context()) // what the next try does, in less than its pause
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	l := &link{Bridge: s.Bridge, conn: newConn(raw)}
	request, err := l.request()
	if err != nil || string(request.Password) != "secret" {
		t.Errorf("got %q, %v", request.Password, err)
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	a.issue("box", time.Now().Add(-time.Minute))
	c := startTLSCloud(t, a, "server")
	conf := config("mqtts://127.0.0.1:" + c.port)
	conf.CA, conf.Cert, conf.Key = a.file("ca.crt"), a.file("box.crt"), a.file("box.key")
	s := startSite(t, conf)
	until(t, "trouble", func() bool { return strings.Contains(s.Stats().Trouble, "certificate") })
	a.issue("box", time.Now().Add(time.Hour))
	s.connected()
}

func TestTroubleWithDatesIsToldOnce(t *testing.T) {
	a := newAuthority(t)
	a.issue("expired", time.Now().Add(-time.Minute))
	p := startProxy(t, "127.0.0.1:"+startTLSCloud(t, a, "expired").port)
	conf := config(p.url())
	conf.URL, conf.CA = strings.Replace(conf.URL, "mqtt", "mqtts", 1), a.file("ca.crt")
	logged := &notes{}
	startSiteWith(t, conf, slog.New(slog.NewTextHandler(logged, nil)))
	until(t, "three tries failed", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.dials > 3
	})
	if got := logged.with("upstream is away"); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	for reason, want := range map[packet.Reason]string{
		packet.BadUserOrPassword: "bad user name or password",
		packet.NotAuthorized:     "not authorized",
		packet.ClientIDInvalid:   "client_id",
		packet.ServerUnavailable: "not available",
		packet.QuotaExceeded:     "quota",
		packet.RetainUnsupported: "limits: {retain: false}",
		packet.QoSUnsupported:    "limits: {qos: 1}",
	} {
		cloud := startStrict(t, law{qos: 2}, nil)
		cloud.admit = func(*packet.Connect) packet.Reason { return reason }
		s := startSite(t, config("mqtt://"+cloud.addr()))
		until(t, "trouble", func() bool { return s.Stats().Trouble != "" })
		if got := s.Stats().Trouble; !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%v: got %q, want %q in one line", reason, got, want)
		}
		s.stop()
	}
}

// A password that mosquitto does not know, as people will have it.
func TestWrongPasswordForMosquittoIsExplained(t *testing.T) {
	file := t.TempDir() + "/users"
	if out, err := exec.CommandContext(context.Background(), "mosquitto_passwd", "-b", "-c", file, "box", "secret").CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	c := startCloud(t, "listener PORT 127.0.0.1", "allow_anonymous false", "password_file "+file)
	for password, want := range map[string]string{"wrong": "not authorized", "secret": ""} {
		conf := config("mqtt://127.0.0.1:" + c.port)
		conf.Username, conf.Password = "box", secret(t, password)
		s := startSite(t, conf)
		until(t, "an answer", func() bool { st := s.Stats(); return st.Connected || st.Trouble != "" })
		if st := s.Stats(); st.Connected != (want == "") || !strings.Contains(st.Trouble, want) {
			t.Errorf("%s: connected %v, %q", password, st.Connected, st.Trouble)
		}
		s.stop()
	}
}
