package plant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs the certificates of the devices of a plant, so that whoever
// trusts one file trusts them all.
type authority struct {
	file string // its own certificate, in PEM
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority leaves its certificate in a file.
func newAuthority(file string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	form := certificate("simulated devices")
	form.IsCA, form.BasicConstraintsValid, form.KeyUsage = true, true, x509.KeyUsageCertSign
	raw, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{file: file, key: key}
	if a.cert, err = x509.ParseCertificate(raw); err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return a, os.WriteFile(file, text, 0o644)
}

// issue makes the certificate of the devices of a bus, which are on this machine
// and may have a name.
func (a *authority) issue(bus, name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	form := certificate(bus)
	form.KeyUsage = x509.KeyUsageDigitalSignature
	form.DNSNames = []string{"localhost"}
	if name != "" {
		form.DNSNames = append(form.DNSNames, name)
	}
	form.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	raw, err := x509.CreateCertificate(rand.Reader, form, a.cert, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, err
}

// certificate is the form of one that is good for a year.
func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
}

// certify makes the certificate that the devices of a bus show.
func (p *Plant) certify(b *bus, name string) (tls.Certificate, error) {
	if p.signs == nil {
		var err error
		if p.signs, err = newAuthority(filepath.Join(p.dir, "ca.crt")); err != nil {
			return tls.Certificate{}, err
		}
	}
	b.secure = true
	return p.signs.issue(b.name, name)
}

// Authority is the file with the certificate that signs those which the devices
// of a bus show, empty if they show none.
func (p *Plant) Authority(bus string) string {
	if b := p.find(bus); b != nil && b.secure {
		return p.signs.file
	}
	return ""
}
