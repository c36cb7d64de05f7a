package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"

	"fieldmq/broker"
	"fieldmq/configs"
)

// Listener is one address that the broker serves.
type Listener struct {
	// URL says the protocol, the address and for WebSocket the path:
	// mqtt://127.0.0.1:1883 or ws://127.0.0.1:8083/mqtt.
	URL string `yaml:"url" check:"required"`
	// Anonymous lets clients in that name no user. Default: only where the
	// address is a loopback one.
	Anonymous *bool `yaml:"anonymous"`
	// Origins are the web origins besides the listener's own whose pages may
	// connect by WebSocket, such as https://dash.example.com.
	Origins []string `yaml:"origins"`
}

func defaultListeners() []Listener {
	return []Listener{{URL: "mqtt://127.0.0.1:1883"}, {URL: "ws://127.0.0.1:8083/mqtt"}}
}

// defaultPorts are the ports that people expect.
var defaultPorts = map[string]string{"mqtt": "1883", "ws": "8083"}

// Validate checks the URL.
func (l *Listener) Validate() error {
	u, err := url.Parse(l.URL)
	if err != nil || u.Host == "" {
		return configs.Bad("url", "%q is not an address such as mqtt://127.0.0.1:1883", l.URL)
	}
	if defaultPorts[u.Scheme] == "" {
		return configs.Bad("url", "%q is neither mqtt:// nor ws://", u.Scheme+"://")
	}
	if u.Scheme == "mqtt" && u.Path != "" && u.Path != "/" {
		return configs.Bad("url", "mqtt:// takes no path; write mqtt://%s", u.Host)
	}
	return nil
}

// split takes a valid URL apart.
func (l *Listener) split() (scheme, address, path string) {
	u, _ := url.Parse(l.URL)
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	path = u.Path
	if path == "" {
		path = "/mqtt"
	}
	return u.Scheme, net.JoinHostPort(u.Hostname(), port), path
}

// loopback says whether an address can only be reached from this machine.
func loopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// open starts to listen. An error says in one sentence what is in the way.
func (l *Listener) open(ctx context.Context) (net.Listener, error) {
	_, address, _ := l.split()
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		_, port, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("%s is taken by another program; stop it, or set another port under broker.listen (`ss -ltnp 'sport = :%s'` shows which program): %w", l.URL, port, syscall.EADDRINUSE)
	}
	return nil, fmt.Errorf("listen on %s: %w", l.URL, err)
}

// Taken says whether another program listens at the address already.
func (l *Listener) Taken(ctx context.Context) bool {
	ln, err := l.open(ctx)
	if err == nil {
		ln.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// Elsewhere is the listener on a free port that the system picks.
func (l Listener) Elsewhere() Listener {
	u, _ := url.Parse(l.URL)
	u.Host = net.JoinHostPort(u.Hostname(), "0")
	l.URL = u.String()
	return l
}

// at is the URL under which the listener is reached.
func (l *Listener) at(address net.Addr) string {
	u, _ := url.Parse(l.URL)
	u.Host = address.String()
	return u.String()
}

// serve serves the listener until ctx ends.
func (l *Listener) serve(ctx context.Context, server *broker.Server, ln net.Listener) error {
	scheme, _, path := l.split()
	options := broker.ListenerOptions{Name: l.URL, Anonymous: loopback(ln.Addr()), Origins: l.Origins, Path: path}
	if l.Anonymous != nil {
		options.Anonymous = *l.Anonymous
	}
	if scheme == "ws" {
		return server.ServeWebSocket(ctx, ln, options)
	}
	return server.Serve(ctx, ln, options)
}
