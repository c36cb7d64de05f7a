package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
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
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), c.port(u.Scheme))
	}
	if u.Scheme == "ws" || u.Scheme == "wss" {
		return c.dialWebSocket(ctx, u, config)
	}
	conn, err := c.reach(ctx, u.Host)
	if err != nil || !secure {
		return conn, err
	}
	return shakeHands(ctx, conn, config)
}

// shakeHands begins TLS.
func shakeHands(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	client := tls.Client(conn, config)
	err := client.HandshakeContext(ctx)
	if err == nil {
		return client, nil
	}
	conn.Close()
	if hungUp(err) {
		err = fmt.Errorf("%w: %w", errNoTLS, err)
	}
	return nil, err
}

// tls is what the server must show, and what it is shown.
func (c *Config) tls(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: c.alpn()}
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
func (c *Config) dialWebSocket(ctx context.Context, u *url.URL, config *tls.Config) (net.Conn, error) {
	if u.Path == "" || u.Path == "/" {
		u.Path = "/mqtt"
	}
	transport := &http.Transport{
		TLSClientConfig: config,
		DialContext:     func(ctx context.Context, _, address string) (net.Conn, error) { return c.reach(ctx, address) },
	}
	defer transport.CloseIdleConnections() // of a handshake that failed
	socket, answer, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"mqtt"},
	})
	switch {
	case err == nil:
	case answer != nil:
		return nil, fmt.Errorf("%w: %w", notUpgraded(answer.Status), err)
	case hungUp(err), strings.Contains(err.Error(), "malformed HTTP"):
		return nil, fmt.Errorf("%w: %w", errNoWebSocket, err)
	default:
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
