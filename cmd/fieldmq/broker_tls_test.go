package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const certifiedYAML = `
broker:
  listen:
    - {url: "mqtts://127.0.0.1:PORT", cert: server.crt, key: server.key, client_ca: clients.crt, cert_user: true}
  access:
    - {user: "meter-*", cert: "meter-*", publish: ["device/%u/#"], subscribe: ["device/%u/#"]}
`

func TestCertificateNamesTheUser(t *testing.T) {
	b := newBroker(t, certifiedYAML, func(dir string) {
		newAuthority(t, dir, "servers").server("server")
		clients := newAuthority(t, dir, "clients")
		clients.client("meter-1")
		clients.client("visitor")
		newAuthority(t, dir, "strangers").client("meter-2")
	})
	identity := func(name string) []string {
		return []string{"--cafile", "DIR/servers.crt", "--cert", "DIR/" + name + ".crt", "--key", "DIR/" + name + ".key"}
	}
	for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
		t.Run(version, func(t *testing.T) {
			sub := b.subscribe(t, append(identity("meter-1"), "--tls-version", version, "-V", "5", "-t", "device/meter-1/#")...)
			for _, c := range []struct {
				name  string
				topic string
				args  []string
				sent  bool
			}{
				{"another user", "device/meter-1/no", identity("visitor"), false},
				{"the user of the certificate, whatever it calls itself", "device/meter-1/yes", append(identity("meter-1"), "-u", "visitor", "-P", "x"), true},
			} {
				printed, _ := b.publish(t, append(c.args, "--tls-version", version, "-d", "-V", "5", "-q", "1", "-t", c.topic, "-m", version)...)
				if sent := strings.Contains(printed, "PUBACK") && !strings.Contains(printed, "RC:135"); sent != c.sent {
					t.Errorf("%s: %s", c.name, printed)
				}
			}
			sub.expect("device/meter-1/yes " + version)
			sub.stop(syscall.SIGTERM)
		})
	}
	for name, args := range map[string][]string{
		"without a certificate":         {"--cafile", "DIR/servers.crt"},
		"with one of another authority": identity("meter-2"),
	} {
		if printed, code := b.publish(t, append(args, "-t", "device/meter-2/x", "-m", "x")...); code == 0 {
			t.Errorf("%s: exit %d: %s", name, code, printed)
		}
	}
}

const revokingYAML = `
broker:
  listen:
    - {url: "mqtts://127.0.0.1:PORT", cert: server.crt, key: server.key, client_ca: clients.crt, crl: clients.crl, cert_user: true}
`

func TestRevokedCertificatesAreRefused(t *testing.T) {
	var clients *authority
	var stolen *x509.Certificate
	b := newBroker(t, revokingYAML, func(dir string) {
		newAuthority(t, dir, "servers").server("server")
		clients = newAuthority(t, dir, "clients")
		clients.client("meter-1")
		stolen = clients.client("meter-2")
		clients.revoke("clients")
	})
	comesIn := func(name string) bool {
		_, code := b.publish(t, "--cafile", "DIR/servers.crt", "--cert", "DIR/"+name+".crt", "--key", "DIR/"+name+".key", "-t", "x", "-m", "x")
		return code == 0
	}
	if !comesIn("meter-1") || !comesIn("meter-2") {
		t.Fatal("a good certificate is refused")
	}
	clients.revoke("clients", stolen)
	b.expect("read again")
	if comesIn("meter-2") {
		t.Error("a revoked certificate is let in")
	}
	if !comesIn("meter-1") {
		t.Error("a good certificate is refused")
	}
	newAuthority(t, b.dir, "others").revoke("clients")
	for deadline := time.Now().Add(patience); comesIn("meter-1"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a certificate is let in that no list covers")
		}
	}
}

const secureWebYAML = `
broker:
  listen: [{url: "wss://127.0.0.1:PORT", cert: server.crt, key: server.key, anonymous: true, origins: ["https://dash.example.com"]}]
`

func TestCertificateThatIsReplacedIsShown(t *testing.T) {
	var a *authority
	b := newBroker(t, secureWebYAML, func(dir string) {
		a = newAuthority(t, dir, "servers")
		a.server("server")
	})
	serial := func() string {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+b.port, &tls.Config{RootCAs: pool(t, filepath.Join(b.dir, "servers.crt"))})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	old := &tls.Config{RootCAs: pool(t, filepath.Join(b.dir, "servers.crt")), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", "127.0.0.1:"+b.port, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if got := serial(); got != "2" {
		t.Fatalf("shows the certificate %s", got)
	}
	a.server("server")
	for deadline := time.Now().Add(patience); serial() != "3"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still shows the old certificate")
		}
	}
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	return p
}

func TestPagesComeBySecureWebSocket(t *testing.T) {
	b := newBroker(t, secureWebYAML, func(dir string) { newAuthority(t, dir, "servers").server("server") })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(t, filepath.Join(b.dir, "servers.crt"))}}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		origin string
		in     bool
	}{
		{"", true},
		{"https://127.0.0.1:" + b.port, true},
		{"https://dash.example.com", true},
		{"https://evil.example.com", false},
	} {
		t.Run(c.origin, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			header := http.Header{}
			if c.origin != "" {
				header.Set("Origin", c.origin)
			}
			ws, _, err := websocket.Dial(ctx, "wss://127.0.0.1:"+b.port+"/mqtt", &websocket.DialOptions{
				HTTPClient: client, HTTPHeader: header, Subprotocols: []string{"mqtt"},
			})
			if !c.in {
				if err == nil {
					t.Error("a page of another origin came in")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			connect := []byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p")
			if err := ws.Write(ctx, websocket.MessageBinary, connect); err != nil {
				t.Fatal(err)
			}
			if _, got, err := ws.Read(ctx); err != nil || fmt.Sprintf("% x", got) != "20 02 00 00" {
				t.Errorf("got % x, %v", got, err)
			}
		})
	}
}

func TestHandshakeThatDoesNotComeHoldsUpNobody(t *testing.T) {
	for _, scheme := range []string{"mqtts://", "wss://"} {
		text := strings.Replace(secureWebYAML, "wss://", scheme, 1) + "  connect_timeout: 1s\n"
		if scheme == "mqtts://" {
			text = strings.Replace(text, `, origins: ["https://dash.example.com"]`, "", 1)
		}
		b := newBroker(t, text, func(dir string) { newAuthority(t, dir, "servers").server("server") })
		silent, err := net.Dial("tcp", "127.0.0.1:"+b.port)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		conn, err := tls.Dial("tcp", "127.0.0.1:"+b.port, &tls.Config{RootCAs: pool(t, filepath.Join(b.dir, "servers.crt"))})
		if err != nil {
			t.Fatalf("%s is held up: %v", scheme, err)
		}
		conn.Close()
		_ = silent.SetReadDeadline(time.Now().Add(patience))
		if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s waits for ever: %v", scheme, err)
		}
	}
}
