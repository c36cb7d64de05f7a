package bridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	a.cert = a.sign("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}, nil, a.key)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// sign writes a certificate to a file; without parent it signs itself.
func (a *authority) sign(name string, cert, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	cert.SerialNumber, cert.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	if cert.NotBefore.IsZero() {
		cert.NotBefore = time.Now().Add(-time.Hour)
	}
	if parent == nil {
		parent = cert
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

// issue makes a certificate and its key, valid until a time.
func (a *authority) issue(name string, until time.Time) {
	a.t.Helper()
	key := a.newKey()
	a.sign(name, &x509.Certificate{
		NotBefore: until.Add(-2 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.cert, key)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.file(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// startTLSCloud is a cloud that wants client certificates on one port.
func startTLSCloud(t *testing.T, a *authority, server string) *cloud {
	t.Helper()
	return startCloud(t, "listener PORT 127.0.0.1", "allow_anonymous true", "require_certificate true",
		"cafile "+a.file("ca.crt"), "certfile "+a.file(server+".crt"), "keyfile "+a.file(server+".key"))
}

func TestClientCertificatesOpenTheDoor(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	a.issue("box", time.Now().Add(time.Hour))
	c := startTLSCloud(t, a, "server")
	conf := config("mqtts://127.0.0.1:" + c.port)
	conf.CA, conf.Cert, conf.Key = a.file("ca.crt"), a.file("box.crt"), a.file("box.key")
	s := startSite(t, conf)
	s.connected()
	for range 1000 {
		s.say("device/meter/event", "x", false)
	}
	if st := s.settled(); st.Delivered != 1000 {
		t.Errorf("delivered %d", st.Delivered)
	}
}

// Debian's mosquitto cannot open a WebSocket listener on a loopback address, so
// our own broker plays the cloud.
func TestWebSocketCarriesTheSame(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	up := broker.New(broker.Defaults(), quiet)
	serving.Go(func() { up.Run(ctx) })
	serving.Go(func() { up.ServeWebSocket(ctx, ln, broker.ListenerOptions{Path: "/mqtt", Anonymous: true}) })
	s := startSite(t, config("ws://"+ln.Addr().String()))
	s.connected()
	for range 1000 {
		s.say("device/meter/event", string(make([]byte, 100)), false)
	}
	if st := s.settled(); st.Delivered != 1000 {
		t.Errorf("delivered %d", st.Delivered)
	}
	s.stop()
}

func TestTroubleIsExplained(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	a.issue("expired", time.Now().Add(-time.Minute))
	a.issue("box", time.Now().Add(time.Hour))
	good, expired := startTLSCloud(t, a, "server"), startTLSCloud(t, a, "expired")
	plain := startCloud(t)
	users := startCloud(t, "listener PORT 127.0.0.1", "allow_anonymous false", "password_file /dev/null")
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	old := answering(t, []byte{0x20, 2, 0, 1}) // CONNACK of 3.1.1: unacceptable protocol version
	trusted := func(c *Config) { c.CA, c.Cert, c.Key = a.file("ca.crt"), a.file("box.crt"), a.file("box.key") }
	for _, c := range []struct {
		name, url string
		change    func(*Config)
		want      string
	}{
		{"nobody listens", "mqtt://127.0.0.1:1", nil, "connection refused"},
		{"no such host", "mqtt://nowhere.invalid", nil, `"nowhere.invalid"`},
		{"a user is wanted", "mqtt://127.0.0.1:" + users.port, nil, "user name or password"},
		{"the clock or the certificate is wrong", "mqtts://127.0.0.1:" + expired.port, trusted, "this machine's clock says"},
		{"nobody vouches for the broker", "mqtts://127.0.0.1:" + good.port, nil, "name its authority with ca"},
		{"a certificate is wanted", "mqtts://127.0.0.1:" + good.port, func(c *Config) { c.CA = a.file("ca.crt") }, "the broker wants a client certificate"},
		{"the broker speaks no TLS", "mqtts://127.0.0.1:" + plain.port, nil, "TLS"},
		{"the broker speaks no WebSocket", "ws://127.0.0.1:" + plain.port, nil, "speaks WebSocket"},
		{"there is no WebSocket at the path", "ws" + strings.TrimPrefix(page.URL, "http") + "/elsewhere", nil, "HTTP 404 Not Found"},
		{"the broker hangs up", "mqtt://" + mute.Addr().String(), nil, "in answer to CONNECT"},
		{"the broker speaks 3.1.1 only", "mqtt://" + old, nil, "MQTT 5"},
		{"a file is missing", "mqtts://127.0.0.1:" + good.port, func(c *Config) { c.CA = "/nonexistent" }, "/nonexistent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := config(c.url)
			if c.change != nil {
				c.change(&conf)
			}
			s := startSite(t, conf)
			until(t, "trouble", func() bool { return s.Stats().Trouble != "" })
			if got := s.Stats().Trouble; !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("got %q, want %q in one line", got, c.want)
			}
			s.stop()
			if got := conf.Try(context.Background()).Reason; !strings.Contains(got, c.want) {
				t.Errorf("a try shows %q, want %q", got, c.want)
			}
		})
	}
}

func TestTryDoesNotBlameTheBrokerForAFileOfOurs(t *testing.T) {
	plain := startCloud(t)
	conf := config("mqtt://127.0.0.1:" + plain.port)
	conf.Username, conf.Password = "box", secretFile(t, "/nonexistent")
	if got := conf.Try(context.Background()); got.Reached || !strings.Contains(got.Reason, "/nonexistent") {
		t.Errorf("got %+v", got)
	}
}

// answering is the address of a server that answers whatever comes with bytes.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1024)
			c.Read(buf)
			c.Write(answer)
			c.Close()
		}
	}()
	return ln.Addr().String()
}
