package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// identity is what a listener shows over TLS and which certificates it takes.
// It is read from files, again when these change.
type identity struct {
	listener *Listener
	files    files
	current  atomic.Pointer[tls.Config]
}

// newIdentity reads the files of a listener; it is nil for one in the clear.
func newIdentity(l *Listener) (*identity, error) {
	if p, _, _, _ := l.split(); !p.secure {
		return nil, nil
	}
	id := &identity{listener: l, files: newFiles(l.Cert, l.Key, l.ClientCA, l.CRL)}
	if err := id.read(); err != nil {
		return nil, err
	}
	return id, nil
}

// read takes what the files say from now on. Connections stay as they are.
func (id *identity) read() error {
	l := id.listener
	pair, err := tls.LoadX509KeyPair(l.Cert, l.Key)
	if err != nil {
		return fmt.Errorf("%s: certificate %s with key %s: %w", l.URL, l.Cert, l.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if p, _, _, _ := l.split(); p.web {
		config.NextProtos = []string{"http/1.1"}
	}
	if l.ClientCA != "" {
		if config.ClientCAs, err = readPool(l.ClientCA); err != nil {
			return fmt.Errorf("%s: client_ca: %w", l.URL, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if l.ClientCert == "optional" {
			config.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	if l.CRL != "" {
		lists, err := readRevoked(l.CRL)
		if err != nil {
			return fmt.Errorf("%s: crl: %w", l.URL, err)
		}
		config.VerifyConnection = func(state tls.ConnectionState) error { return lists.check(state.VerifiedChains) }
	}
	id.current.Store(config)
	return nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no certificate in PEM")
	}
	return pool, nil
}

// config is for a listener: each handshake takes what was read last.
func (id *identity) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return id.current.Load(), nil },
	}
}
