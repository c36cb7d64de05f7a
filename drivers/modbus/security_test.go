package modbus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
	sim "fieldmq/firmware-sim/modbus"
)

// pki is a folder with an authority and what it signed.
type pki struct {
	t         *testing.T
	dir       string
	ca, caKey []byte
}

func newPKI(t *testing.T) *pki {
	p := &pki{t: t, dir: t.TempDir()}
	p.ca, p.caKey = certificate(t, []string{"authority"}, nil, nil)
	p.write("ca.crt", p.ca)
	return p
}

func (p *pki) write(name string, text []byte) string {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// issue signs a certificate for names, or for the loopback where there are none.
func (p *pki) issue(name string, names []string) tls.Certificate {
	p.t.Helper()
	cert, key := certificate(p.t, names, p.ca, p.caKey)
	p.write(name+".crt", cert)
	p.write(name+".key", key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		p.t.Fatal(err)
	}
	return pair
}

func TestBothEndsOfASecureConnectionAreKnown(t *testing.T) {
	const unknown, refused = "certificate signed by unknown authority", "certificate required"
	tests := map[string]struct {
		names []string // of the device's certificate; nil: its address
		set   func(*TLSSettings, *pki)
		want  string // part of the error; empty: a value
	}{
		"both show what they should": {nil, func(*TLSSettings, *pki) {}, ""},
		"no one else's authority":    {nil, func(s *TLSSettings, _ *pki) { s.CA = "" }, unknown},
		"the name must be right":     {[]string{"plc"}, func(*TLSSettings, *pki) {}, "cannot validate certificate for 127.0.0.1"},
		"the name may be told":       {[]string{"plc"}, func(s *TLSSettings, _ *pki) { s.ServerName = "plc" }, ""},
		"the name may be no matter":  {[]string{"plc"}, func(s *TLSSettings, _ *pki) { s.Verify = verifyCA }, ""},
		"the signature matters then": {[]string{"plc"}, func(s *TLSSettings, _ *pki) { s.Verify, s.CA = verifyCA, "" }, unknown},
		"nothing may matter":         {[]string{"plc"}, func(s *TLSSettings, _ *pki) { s.Verify, s.CA = verifyNone, "" }, ""},
		"the device wants ours":      {nil, func(s *TLSSettings, _ *pki) { s.Cert, s.Key = "", "" }, refused},
		"files are found":            {nil, func(s *TLSSettings, p *pki) { s.CA = "nothing.crt"; s.Resolve(p.dir) }, "no such file"},
		"files hold certificates":    {nil, func(s *TLSSettings, p *pki) { s.CA = p.write("x", []byte("x")) }, "holds no certificate"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPKI(t)
			clients := x509.NewCertPool()
			clients.AppendCertsFromPEM(p.ca)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server, err := sim.NewServer(sim.Unit{ID: 1, Device: contents{1}})
			if err != nil {
				t.Fatal(err)
			}
			secure := tls.NewListener(l, &tls.Config{
				Certificates: []tls.Certificate{p.issue("device", tt.names)},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: clients,
			})
			serving(t, func(ctx context.Context) error { return server.ServeTCP(ctx, secure) })
			p.issue("gateway", []string{"gateway"})
			s := newTLSSettings()
			s.Host, s.Timeout = l.Addr().String(), configs.Duration(5*time.Second)
			s.CA, s.Cert, s.Key = "ca.crt", "gateway.crt", "gateway.key"
			s.Resolve(p.dir)
			tt.set(s, p)
			if got := secureRead(t, s); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// secureRead opens a bus and reads a point, and returns what failed.
func secureRead(t *testing.T, s *TLSSettings) string {
	t.Helper()
	opened, err := s.Open(t.Context(), quiet())
	if err != nil {
		return err.Error()
	}
	defer opened.Close()
	points := far(unitOf(s, 1), 1)
	samples, err := opened.Read(t.Context(), points)
	if err != nil {
		return err.Error()
	}
	if err := samples[0].Err; err != nil {
		return err.Error()
	}
	if samples[0].Value != right(points[0]) {
		t.Errorf("got %v", samples[0].Value)
	}
	return ""
}

var _ drivers.Files = (*TLSSettings)(nil)

func TestPortOfTLSIs802(t *testing.T) {
	s := newTLSSettings()
	s.Host = "plc"
	if got := s.Place(); got != "plc:802" {
		t.Errorf("got %s", got)
	}
}
