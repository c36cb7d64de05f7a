package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout is how long it may take to reach a server, TLS and WebSocket
// included.
const dialTimeout = 20 * time.Second

// dial connects to the upstream. Certificates are read each time, so that they
// can be renewed.
func (c *Config) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	secure := u.Scheme == "mqtts" || u.Scheme == "wss"
	var config *tls.Config
	if secure {
		if config, err = c.tls(u.Hostname()); err != nil {
			return nil, err
		}
	}
	if u.Scheme == "ws" || u.Scheme == "wss" {
		return dialWebSocket(ctx, u, config)
	}
	port := u.Port()
	if port == "" {
		port = schemes[u.Scheme]
	}
	address := net.JoinHostPort(u.Hostname(), port)
	if !secure {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		err = fmt.Errorf("%w: %w", errNoTLS, err)
	}
	return conn, err
}

// tls is what the server must show, and what it is shown.
func (c *Config) tls(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: c.ALPN}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", c.Cert, c.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// dialWebSocket opens a WebSocket that speaks MQTT in binary messages.
// [MQTT-6.0.0-1] [MQTT-6.0.0-3]
func dialWebSocket(ctx context.Context, u *url.URL, config *tls.Config) (net.Conn, error) {
	if u.Path == "" || u.Path == "/" {
		u.Path = "/mqtt"
	}
	transport := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections() // of a handshake that failed
	socket, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"mqtt"},
	})
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(-1) // packets are bounded, a message may hold any number of them
	return &webConn{websocket.NetConn(context.WithoutCancel(ctx), socket, websocket.MessageBinary), socket}, nil
}

// webConn is a WebSocket as a connection. It closes without a closing handshake,
// which a dead link would never finish: DISCONNECT has said what there was to say.
type webConn struct {
	net.Conn
	socket *websocket.Conn
}

func (c *webConn) Close() error { return c.socket.CloseNow() }
