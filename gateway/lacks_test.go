package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair writes a certificate, which holds for a year from a time on, and its key.
func pair(t *testing.T, dir, name string, from time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.AddDate(1, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: cert}, ".key": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, name+file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesThatCannotBeUsedAreLacks(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	pair(t, dir, "good", now.AddDate(0, -1, 0))
	pair(t, dir, "other", now.AddDate(0, -1, 0))
	pair(t, dir, "old", now.AddDate(-2, 0, 0))
	pair(t, dir, "new", now.AddDate(0, 1, 0))
	for name, text := range map[string]string{"text": "hello\n", "secret": "x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, text, want string }{
		{"all is well", "broker: {listen: [{url: mqtts://127.0.0.1, cert: good.crt, key: good.key, client_ca: other.crt}]}", ""},
		{"a file is missing", "broker: {listen: [{url: mqtts://127.0.0.1, cert: none.crt, key: good.key}]}",
			"broker.listen[0].cert: DIR/none.crt: no such file or directory"},
		{"a key is missing", "broker: {listen: [{url: mqtts://127.0.0.1, cert: good.crt, key: none.key}]}",
			"broker.listen[0].key: DIR/none.key: no such file or directory"},
		{"it is of another key", "broker: {listen: [{url: mqtts://127.0.0.1, cert: good.crt, key: other.key}]}",
			"broker.listen[0].key: DIR/good.crt and DIR/other.key: tls: private key does not match public key"},
		{"it has ended", "broker: {listen: [{url: mqtts://127.0.0.1, cert: old.crt, key: old.key, client_ca: old.crt}]}",
			"broker.listen[0].cert: the certificate in DIR/old.crt has ended on 2026-03-01; " +
				"broker.listen[0].client_ca: the certificate in DIR/old.crt has ended on 2026-03-01"},
		{"it has not begun", "broker: {listen: [{url: mqtts://127.0.0.1, cert: new.crt, key: new.key}]}",
			"broker.listen[0].cert: the certificate in DIR/new.crt begins on 2027-04-01"},
		{"it is none", "broker: {listen: [{url: mqtts://127.0.0.1, cert: text, key: good.key, client_ca: good.crt, crl: text}]}",
			"broker.listen[0].cert: DIR/text holds no certificate in PEM; broker.listen[0].crl: DIR/text holds no list of revoked certificates in PEM"},
		{"there are no users", "broker: {users: users}", "broker.users: DIR/users: no such file or directory"},
		{"a device wants TLS", "buses: {b: {driver: modbus-tls, address: plc, ca: text, cert: good.crt, key: other.key}}",
			"buses.b.ca: DIR/text holds no certificate in PEM; buses.b.key: DIR/good.crt and DIR/other.key: tls: private key does not match public key"},
		{"a cloud wants it", "upstreams: {c: {url: mqtts://x, ca: none, cert: old.crt, key: old.key, username: u, password_file: nopass, out: [{topic: a}]}}",
			"upstreams.c.password_file: DIR/nopass: no such file or directory; upstreams.c.ca: DIR/none: no such file or directory; " +
				"upstreams.c.cert: the certificate in DIR/old.crt has ended on 2026-03-01"},
		{"a password is there", "upstreams: {c: {url: mqtts://x, username: u, password_file: secret, out: [{topic: a}]}}", ""},
		{"systemd has it", "upstreams: {c: {url: mqtts://x, username: u, password_file: /run/credentials/none/none, out: [{topic: a}]}}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := Read(filepath.Join(dir, "site.yaml"), []byte(c.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range config.Lacks(now) {
				if l.Do == "" {
					t.Errorf("%s: nothing is said about what to do", l.Text)
				}
				got = append(got, l.Path+": "+strings.ReplaceAll(l.Text, dir, "DIR"))
			}
			if all := strings.Join(got, "; "); all != c.want {
				t.Errorf("got  %s\nwant %s", all, c.want)
			}
		})
	}
}
