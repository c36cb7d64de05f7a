package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker/packet"
)

// slow is a connection that takes its time to close.
type slow struct{ net.Conn }

func (s slow) Close() error {
	time.Sleep(5 * time.Second)
	return s.Conn.Close()
}

func TestSlowGoodbyeHoldsUpNobody(t *testing.T) {
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		near, far := net.Pipe()
		b.pipes.conns <- slow{far}
		t.Cleanup(func() { _ = near.Close() })
		first := &client{TB: t, conn: near, version: packet.V311, reader: packet.NewReader(near, packet.MaxPacket)}
		p := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: "a"}
		first.send(p.Append(nil))
		if r := first.connack(); r != packet.Success {
			t.Fatal(r)
		}
		begin := time.Now()
		b.dial(t, p).ping() // it takes the client id over
		if took := time.Since(begin); took > time.Second {
			t.Errorf("another client waited for %v", took)
		}
		synctest.Wait()
	})
}

func TestHangingUpOnAClientThatDoesNotReadTakesAMoment(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MaxVersion: tls.VersionTLS12})
		client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		hangUp(server)
		if took := time.Since(begin); took != lingering {
			t.Errorf("took %v, want %v", took, lingering)
		}
		_ = near.Close()
	})
}
