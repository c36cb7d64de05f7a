package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"fieldmq/broker"
	"fieldmq/configs"
)

// Listener is one address that the broker serves.
type Listener struct {
	// URL says the protocol, the address and for WebSocket the path:
	// mqtt://127.0.0.1:1883, mqtts://0.0.0.0:8883, ws://127.0.0.1:8083/mqtt,
	// wss://0.0.0.0:8084/mqtt or unix:///run/fieldmq/mqtt.sock. Ports and paths
	// are those unless others are written.
	URL string `yaml:"url" check:"required" aka:"address host"`
	// Anonymous lets clients in that name no user; where there is no file of
	// users, all do. Default: only where the address is a loopback one or a unix
	// socket.
	Anonymous *bool `yaml:"anonymous" aka:"allow_anonymous"`
	// Cert is the file with the certificate that mqtts and wss show, in PEM, with
	// those of the authorities between behind it. Read again when it changes.
	Cert string `yaml:"cert" aka:"certfile"`
	// Key is the file with the key of the certificate.
	Key string `yaml:"key" aka:"keyfile"`
	// ClientCA is the file with the certificates of authorities whose clients may
	// come in. Every client has to show a certificate then.
	ClientCA string `yaml:"client_ca" aka:"cafile"`
	// ClientCert is required, or optional: clients without a certificate may
	// come in too, as far as users and anonymous let them. Default: required.
	ClientCert string `yaml:"client_cert" check:"oneof=required|optional" aka:"require_certificate"`
	// CRL is the file with lists of revoked certificates, in PEM, one for each
	// authority whose clients come in: a client whose certificate is on one, or
	// whose authority has none, is refused. Read again when it changes.
	CRL string `yaml:"crl" aka:"crlfile"`
	// CertUser takes the common name in a client's certificate for its user, and
	// asks it for no password.
	CertUser bool `yaml:"cert_user" aka:"use_identity_as_username"`
	// Origins are the web origins besides the listener's own whose pages may
	// connect by WebSocket, such as https://dash.example.com.
	Origins []string `yaml:"origins" aka:"websockets_origin"`
	// MaxConnections is the number of clients that may be connected by this listener
	// at once, beside the broker's max_connections. 0: any number.
	MaxConnections int `yaml:"max_connections" check:"min=0"`
	// Versions are the versions of MQTT that clients may speak here: 3.1, 3.1.1, 5.0.
	// Default: all.
	Versions []broker.Version `yaml:"versions" aka:"accept_protocol_versions"`
}

func defaultListeners() []Listener {
	return []Listener{{URL: "mqtt://127.0.0.1:1883"}, {URL: "ws://127.0.0.1:8083/mqtt"}}
}

// protocol is what the scheme of a URL stands for.
type protocol struct {
	port        string // that people expect; empty: it has none
	secure, web bool
}

var protocols = map[string]protocol{
	"mqtt":  {port: "1883"},
	"mqtts": {port: "8883", secure: true},
	"ws":    {port: "8083", web: true},
	"wss":   {port: "8084", secure: true, web: true},
	"unix":  {},
}

// Validate checks the URL, and that the other keys go with it.
func (l *Listener) Validate() error {
	u, err := url.Parse(l.URL)
	if err != nil {
		return configs.Bad("url", "%q is not an address such as mqtt://127.0.0.1:1883", l.URL)
	}
	p, known := protocols[u.Scheme]
	switch {
	case u.Scheme == "" || u.Opaque != "":
		return configs.Bad("url", "%q is not an address such as mqtt://127.0.0.1:1883", l.URL)
	case !known:
		return configs.Bad("url", "%q is none of mqtt://, mqtts://, ws://, wss:// and unix://", u.Scheme+"://")
	case u.Scheme == "unix":
		if u.Host != "" || u.Path == "" {
			return configs.Bad("url", "%q names no socket; write three slashes: unix:///run/fieldmq/mqtt.sock", l.URL)
		}
	case u.Host == "":
		return configs.Bad("url", "%q is not an address such as %s://127.0.0.1:%s", l.URL, u.Scheme, p.port)
	case u.Hostname() == "*":
		return configs.Bad("url", "write 0.0.0.0 for all addresses of this machine, or [::] for those of IPv6, too")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return configs.Bad("url", "a listener takes protocol, address and path: %s://%s%s", u.Scheme, u.Host, u.Path)
	case !p.web && u.Path != "" && u.Path != "/":
		return configs.Bad("url", "%s:// takes no path; write %s://%s", u.Scheme, u.Scheme, u.Host)
	}
	if port := u.Port(); port != "" && port != "0" { // 0: one that is free
		err = configs.Port("url", port)
	}
	return errors.Join(err, l.validateTLS(u.Scheme, p), l.validateOrigins(u.Scheme, p))
}

func (l *Listener) validateTLS(scheme string, p protocol) error {
	files := map[string]string{"cert": l.Cert, "key": l.Key, "client_ca": l.ClientCA, "crl": l.CRL}
	for _, key := range []string{"cert", "key", "client_ca", "crl"} {
		switch {
		case !p.secure && files[key] != "":
			return configs.Bad(key, "%s:// is in the clear; write mqtts:// or wss://", scheme)
		case p.secure && files[key] == "" && (key == "cert" || key == "key"):
			return configs.Bad(key, "%s:// needs a certificate and its key: write the files under cert and key", scheme)
		}
	}
	switch {
	case l.CertUser && l.ClientCA == "":
		return configs.Bad("cert_user", "clients are asked for certificates only where client_ca names the authorities to trust")
	case l.CRL != "" && l.ClientCA == "":
		return configs.Bad("crl", "clients are asked for certificates only where client_ca names the authorities to trust")
	case l.ClientCert != "" && l.ClientCA == "":
		return configs.Bad("client_cert", "clients are asked for certificates only where client_ca names the authorities to trust")
	}
	return nil
}

func (l *Listener) validateOrigins(scheme string, p protocol) error {
	if len(l.Origins) > 0 && !p.web {
		return configs.Bad("origins", "%s:// is not for web pages; write ws:// or wss://", scheme)
	}
	return nil
}

// resolve makes the names of files relative to a folder.
func (l *Listener) resolve(dir string) {
	for _, file := range []*string{&l.Cert, &l.Key, &l.ClientCA, &l.CRL} {
		*file = inDir(dir, *file)
	}
}

func inDir(dir, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// split takes a valid URL apart.
func (l *Listener) split() (p protocol, network, address, path string) {
	u, _ := url.Parse(l.URL)
	p = protocols[u.Scheme]
	if u.Scheme == "unix" {
		return p, "unix", u.Path, ""
	}
	port := u.Port()
	if port == "" {
		port = p.port
	}
	path = u.Path
	if path == "" {
		path = "/mqtt"
	}
	return p, "tcp", net.JoinHostPort(u.Hostname(), port), path
}

// local says whether an address can only be reached from this machine.
func local(address net.Addr) bool {
	switch a := address.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// elsewhere says whether it is certain before listening that the address can
// be reached from other machines. That of a name is not.
func (l *Listener) elsewhere() bool {
	u, _ := url.Parse(l.URL)
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme != "unix" && (u.Hostname() == "" || err == nil && !ip.Unmap().IsLoopback())
}

// shut says whether the listener lets in only clients that are known.
func (l *Listener) shut() bool {
	if l.Anonymous != nil {
		return !*l.Anonymous
	}
	return l.elsewhere()
}

// open starts to listen. An error says in one sentence what is in the way.
func (l *Listener) open(ctx context.Context) (net.Listener, error) {
	_, network, address, _ := l.split()
	if network == "unix" {
		removeDead(ctx, address)
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, network, address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && network == "unix":
		return nil, fmt.Errorf("%s is taken by another program; stop it, or set another path under broker.listen: %w", l.URL, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EADDRINUSE):
		_, port, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("%s is taken by another program; stop it, or set another port under broker.listen (`ss -ltnp 'sport = :%s'` shows which program): %w", l.URL, port, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES) && network == "tcp":
		return nil, fmt.Errorf("%s: ports below 1024 are for root; set another port under broker.listen: %w", l.URL, syscall.EACCES)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", l.URL, err)
	}
	if network == "unix" {
		// The owner's group may connect, as with a serial port.
		if err := os.Chmod(address, 0o660); err != nil {
			ln.Close()
			return nil, fmt.Errorf("listen on %s: %w", l.URL, err)
		}
	}
	return ln, nil
}

// removeDead removes a socket that a program left behind which was killed.
func removeDead(ctx context.Context, path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		_ = os.Remove(path) // or listening says what is in the way
	}
}

// Taken says whether another program listens at the address already.
func (l *Listener) Taken(ctx context.Context) bool {
	ln, err := l.open(ctx)
	if err == nil {
		ln.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// Elsewhere is the listener on a free port that the system picks. That on a
// unix socket stays where it is.
func (l Listener) Elsewhere() Listener {
	u, _ := url.Parse(l.URL)
	if u.Scheme != "unix" {
		u.Host = net.JoinHostPort(u.Hostname(), "0")
		l.URL = u.String()
	}
	return l
}

// at is the URL under which the listener is reached.
func (l *Listener) at(address net.Addr) string {
	u, _ := url.Parse(l.URL)
	if _, unix := address.(*net.UnixAddr); !unix {
		u.Host = address.String()
	}
	return u.String()
}

// serve serves the listener until ctx ends; id is what it shows over TLS, nil
// in the clear, and page what it has for browsers, nil for none.
func (l *Listener) serve(ctx context.Context, server *broker.Server, ln net.Listener, id *identity, page http.Handler) error {
	p, _, _, path := l.split()
	options := broker.ListenerOptions{
		Name: l.URL, Local: local(ln.Addr()), Anonymous: local(ln.Addr()), CertUser: l.CertUser, Origins: l.Origins, Path: path, Page: page,
		MaxConnections: l.MaxConnections, Versions: l.Versions,
	}
	if l.Anonymous != nil {
		options.Anonymous = *l.Anonymous
	}
	if id != nil {
		// A handshake takes place in the goroutine of its connection, and in the
		// time that it has for its CONNECT.
		ln = tls.NewListener(ln, id.config())
	}
	if p.web {
		return server.ServeWebSocket(ctx, ln, options)
	}
	return server.Serve(ctx, ln, options)
}
