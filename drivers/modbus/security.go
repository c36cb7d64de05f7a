package modbus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"fieldmq/configs"
)

// Security is what both ends of a TLS connection show each other. The device
// finds in the client's certificate what it may do, its role. (MODBUS/TCP
// Security Protocol Specification V36)
type Security struct {
	// CA is a file of certificates in PEM that sign the device's. Default:
	// those that the system trusts.
	CA string `yaml:"ca"`
	// Cert is a file with the gateway's certificate in PEM, with the role that
	// it has at the device. Read anew at each connection.
	Cert string `yaml:"cert"`
	// Key is the file with the key of cert, in PEM.
	Key string `yaml:"key"`
	// ServerName is the name in the device's certificate, where it is not that
	// of its address. Of a device that dials in the name counts only if it is told
	// here.
	ServerName string `yaml:"server_name"`
	// Verify says what must be right about the device's certificate: full (its
	// signature and its name), ca (its signature, for devices whose
	// certificates name no host) or none. Default full.
	Verify string `yaml:"verify" check:"oneof=full|ca|none"`
}

// What must be right about a certificate.
const (
	verifyFull = "full"
	verifyCA   = "ca"
	verifyNone = "none"
)

// incomplete says what is missing beside what there is.
func (s *Security) incomplete() error {
	switch {
	case s.Cert != "" && s.Key == "":
		return configs.Bad("key", "is missing: the certificate needs the file with its key")
	case s.Key != "" && s.Cert == "":
		return configs.Bad("cert", "is missing: the key needs the file with its certificate")
	}
	return nil
}

// Resolve makes the names of files relative to a folder.
func (s *Security) Resolve(dir string) {
	for _, file := range []*string{&s.CA, &s.Cert, &s.Key} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
}

// Credentials implements drivers.Secured.
func (s *Security) Credentials() (ca, cert, key string) { return s.CA, s.Cert, s.Key }

// config is what a connection to an address needs.
func (s *Security) config(address string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	var err error
	if config.RootCAs, config.Certificates, err = s.read(); err != nil {
		return nil, err
	}
	if s.Verify != verifyFull {
		config.InsecureSkipVerify = true // VerifyConnection looks at what is wanted
		config.VerifyConnection = s.verify(config.RootCAs)
	}
	return config, nil
}

// read reads the files; roots is nil where there are none.
func (s *Security) read() (roots *x509.CertPool, own []tls.Certificate, err error) {
	if s.CA != "" {
		text, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, nil, err
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, nil, fmt.Errorf("%s holds no certificate in PEM", s.CA)
		}
	}
	if s.Cert == "" {
		return roots, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s and %s: %w", s.Cert, s.Key, err)
	}
	return roots, []tls.Certificate{pair}, nil
}

// server is what a device needs that dials in: it is the client of the handshake
// then, and shows its certificate all the same. Its address proves nothing, so
// that its name counts only where one is told.
func (s *Security) server() (*tls.Config, error) {
	roots, own, err := s.read()
	if err != nil || s.Verify == verifyNone {
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: own}, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: own, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	if s.Verify == verifyFull && s.ServerName != "" {
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return state.PeerCertificates[0].VerifyHostname(s.ServerName)
		}
	}
	return config, nil
}

// same says whether two sections let the same devices in; nil lets all in.
func (s *Security) same(other *Security) bool {
	if s == nil || other == nil {
		return s == other
	}
	return *s == *other
}

// closed says what is missing where devices dial in.
func (s *Security) closed() error {
	switch {
	case s.Cert == "":
		return configs.Bad("cert", "is missing: a device that dials in wants to see the gateway's")
	case s.CA == "" && s.Verify != verifyNone:
		return configs.Bad("ca", "is missing: anyone could dial in; name the certificates that sign the device's, or set verify: none")
	}
	return nil
}

// verify looks at less than the name in a certificate.
func (s *Security) verify(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if s.Verify == verifyNone {
			return nil
		}
		if len(state.PeerCertificates) == 0 {
			return errors.New("the device shows no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}
