package modbus

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
	"fieldmq/drivers"
)

// secureDoor is a bus whose device is to dial in within TLS, with the files of
// the folder.
func (p *pki) secureDoor(address, registration string, unit int, set func(*TLSSettings)) (*Bus, *drivers.Point) {
	p.t.Helper()
	s := newTLSSettings()
	s.Listen, s.Registration, s.Timeout = address, Bytes(registration), configs.Duration(300*time.Millisecond)
	s.CA, s.Cert, s.Key = "ca.crt", "gateway.crt", "gateway.key"
	if set != nil {
		set(s)
	}
	s.Resolve(p.dir)
	bus := opened(p.t, s)
	p.t.Cleanup(func() { bus.Close() })
	return bus, far(unitOf(s, unit), 1)[0]
}

// dialIn is a device that dials in with a certificate; err is why it could not.
func (p *pki) dialIn(address, says string, unit byte, certificates ...tls.Certificate) error {
	p.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.ca)
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "gateway", Certificates: certificates})
	if err != nil {
		return err
	}
	p.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, says)
	answering(conn, unit)
	return err
}

func TestDevicesDialInWithinTLS(t *testing.T) {
	p := newPKI(t)
	p.issue("gateway", []string{"gateway"})
	address := freeAddress(t)
	first, a := p.secureDoor(address, "PUMP-3", 3, nil)
	second, b := p.secureDoor(address, "PUMP-4", 4, nil)
	device := p.issue("device", []string{"pumps"})
	for says, unit := range map[string]byte{"PUMP-4": 4, "PUMP-3": 3} {
		if err := p.dialIn(address, says, unit, device); err != nil {
			t.Fatal(err)
		}
	}
	comes(t, first, a)
	comes(t, second, b)
}

func TestDeviceOfAnotherCertificateIsTurnedAway(t *testing.T) {
	strangers := newPKI(t)
	for name, tt := range map[string]struct {
		set  func(*TLSSettings)
		show func(*pki) []tls.Certificate
		want string // part of why it is not let in; empty: it is
	}{
		"it shows none":               {nil, func(*pki) []tls.Certificate { return nil }, "client didn't provide a certificate"},
		"it shows none, and may":      {func(s *TLSSettings) { s.Verify, s.CA = verifyNone, "" }, func(*pki) []tls.Certificate { return nil }, ""},
		"another authority signed it": {nil, func(*pki) []tls.Certificate { return []tls.Certificate{strangers.issue("x", []string{"pump"})} }, "unknown authority"},
		"it has another name": {func(s *TLSSettings) { s.ServerName = "pump" },
			func(p *pki) []tls.Certificate { return []tls.Certificate{p.issue("x", []string{"valve"})} }, "certificate is valid for valve, not pump"},
		"it has the name": {func(s *TLSSettings) { s.ServerName = "pump" },
			func(p *pki) []tls.Certificate { return []tls.Certificate{p.issue("x", []string{"pump"})} }, ""},
		"the name is no matter": {func(s *TLSSettings) { s.ServerName, s.Verify = "pump", verifyCA },
			func(p *pki) []tls.Certificate { return []tls.Certificate{p.issue("x", []string{"valve"})} }, ""},
		"the gateway's files are not there": {func(s *TLSSettings) { s.Key = "nothing.key" },
			func(p *pki) []tls.Certificate { return []tls.Certificate{p.issue("x", []string{"pump"})} }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPKI(t)
			p.issue("gateway", []string{"gateway"})
			address := freeAddress(t)
			bus, point := p.secureDoor(address, "", 1, tt.set)
			_ = p.dialIn(address, "", 1, tt.show(p)...) // the client may hear of it later than we do
			if tt.want == "" {
				comes(t, bus, point)
				return
			}
			for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				got := readOne(t, bus, point)
				if got.Err == nil {
					t.Fatalf("it was let in, and says %v", got.Value)
				}
				if strings.HasPrefix(got.Err.Error(), string(notThere)+"; one was turned away: ") && strings.Contains(got.Err.Error(), tt.want) {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("got %v, want %s", got.Err, tt.want)
				}
			}
		})
	}
}

func TestBusesOfOneDoorHaveOneKey(t *testing.T) {
	p := newPKI(t)
	p.issue("gateway", []string{"gateway"})
	address := freeAddress(t)
	p.secureDoor(address, "A", 1, nil)
	plain, other := newTCPSettings(), newTLSSettings()
	plain.Listen, plain.Registration = address, Bytes("B")
	other.Listen, other.Registration, other.Verify = address, Bytes("B"), verifyNone
	for _, s := range []drivers.Settings{plain, other} {
		if _, err := s.Open(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "with other certificates") {
			t.Errorf("got %v", err)
		}
	}
}
