package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"fieldmq/broker/access"
	"fieldmq/configs"
	"fieldmq/drivers"
)

// Lack is a file that the configuration names, and that the gateway could not use if
// it ran on this machine now.
type Lack struct {
	Path string // of the key: broker.listen[0].cert
	Text string // what is wrong
	Do   string // what to do about it
}

// Lacks looks at the files for TLS, users and passwords, in the order of their
// sections.
func (c *Config) Lacks(now time.Time) []Lack {
	l := lacks{now: now}
	for i := range c.Broker.Listen {
		on, path := &c.Broker.Listen[i], fmt.Sprintf("broker.listen[%d].", i)
		l.identity(path, on.Cert, on.Key)
		l.authorities(path+"client_ca", on.ClientCA)
		if on.CRL != "" {
			_, err := readRevoked(on.CRL)
			l.add(path+"crl", err, "write the list as the authority gives it, in PEM")
		}
	}
	if c.Broker.Users != "" {
		_, err := access.Load(c.Broker.Users)
		l.add("broker.users", err, "fieldmq passwd "+c.Broker.Users+" NAME")
	}
	for _, b := range c.Buses {
		if s, ok := b.Settings.(drivers.Secured); ok {
			ca, cert, key := s.Credentials()
			l.authorities("buses."+b.Name+".ca", ca)
			l.identity("buses."+b.Name+".", cert, key)
		}
	}
	for _, u := range c.Upstreams {
		path := "upstreams." + u.Name + "."
		l.secret(path+"password_file", u.Password)
		l.authorities(path+"ca", u.CA)
		l.identity(path, u.Cert, u.Key)
		l.secret(path+"proxy_file", u.Proxy)
	}
	return l.found
}

// credentials is where systemd puts files that only the service itself can see.
const credentials = "/run/credentials/"

// lacks collects what is wrong.
type lacks struct {
	now   time.Time
	found []Lack
}

// add adds an error, unless it is nil. Where a file is not there, or not for us, that
// is what to mend.
func (l *lacks) add(path string, err error, do string) {
	var failed *fs.PathError
	switch {
	case err == nil, errors.As(err, &failed) && strings.HasPrefix(failed.Path, credentials):
		return
	case errors.Is(err, fs.ErrPermission):
		do = "let the user of the service read it, if it is not only you who may not"
	case errors.Is(err, fs.ErrNotExist):
		do = "put it there, or name another file"
	}
	text := err.Error()
	if failed != nil {
		text = failed.Path + ": " + failed.Err.Error()
	}
	l.found = append(l.found, Lack{path, text, do})
}

func (l *lacks) secret(path string, s configs.Secret) {
	if s.File() != "" {
		_, err := s.Reveal()
		l.add(path, err, "see what the file is, and who may read it")
	}
}

// identity looks at a certificate and its key, if there are any.
func (l *lacks) identity(path, cert, key string) {
	if cert == "" || key == "" {
		return
	}
	own, err := ReadCertificate(cert)
	if l.add(path+"cert", err, beginPEM); err == nil {
		l.dates(path+"cert", cert, own)
	}
	_, keyErr := os.ReadFile(key)
	if l.add(path+"key", keyErr, ""); err != nil || keyErr != nil {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		l.add(path+"key", fmt.Errorf("%s and %s: %w", cert, key, err), "name the key that the certificate was made for, in PEM and without a password")
	}
}

// beginPEM is what to do about a file that is none.
const beginPEM = "it must be in PEM, which begins with -----BEGIN CERTIFICATE-----"

// ReadCertificate reads the first certificate in a file: that of its owner.
func ReadCertificate(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s holds no certificate in PEM", file)
}

func (l *lacks) dates(path, file string, c *x509.Certificate) {
	const day = time.DateOnly
	switch {
	case l.now.After(c.NotAfter):
		l.add(path, fmt.Errorf("the certificate in %s has ended on %s", file, c.NotAfter.Format(day)), "renew it, or set this machine's clock")
	case l.now.Before(c.NotBefore):
		l.add(path, fmt.Errorf("the certificate in %s begins on %s", file, c.NotBefore.Format(day)), "set this machine's clock")
	}
}

// authorities looks at the certificates of those whose word counts.
func (l *lacks) authorities(path, file string) {
	if file == "" {
		return
	}
	if _, err := readPool(file); err != nil {
		l.add(path, err, beginPEM)
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	var last *x509.Certificate // to end
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (last == nil || c.NotAfter.After(last.NotAfter)) {
			last = c
		}
	}
	if last != nil {
		l.dates(path, file, last)
	}
}
