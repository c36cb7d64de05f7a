package bridge

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	socks "golang.org/x/net/proxy"

	"fieldmq/configs"
)

// noProxy is what Config.Proxy says where even the environment's is not wanted.
const noProxy = "none"

// proxyPorts are where proxies listen whose URL does not say it.
var proxyPorts = map[string]string{"http": "3128", "https": "443", "socks5": "1080", "socks5h": "1080"}

// validateProxy checks a proxy that is written in the config; one in a file is
// not opened.
func (c *Config) validateProxy() error {
	if c.Proxy.File() != "" || c.Proxy.IsZero() {
		return nil
	}
	text, err := c.Proxy.Reveal()
	if err == nil && text != noProxy {
		_, err = parseProxy(text)
	}
	if err != nil {
		return configs.Bad("proxy", "%v", err)
	}
	return nil
}

// parseProxy reads the URL of a proxy. Its errors do not show what may be a
// password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text // as everybody writes it in https_proxy
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || proxyPorts[u.Scheme] == "" {
		return nil, fmt.Errorf("a proxy is http://, https:// or socks5:// with a host and a port, or none")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), proxyPorts[u.Scheme])
	}
	return u, nil
}

// proxyFor is the proxy on the way to an address, nil if there is none: that of
// the config, else that of the environment.
func (c *Config) proxyFor(address string) (*url.URL, error) {
	text, err := c.Proxy.Reveal()
	switch {
	case err != nil:
		return nil, err
	case text == noProxy:
		return nil, nil
	case text != "":
		return parseProxy(text)
	}
	if text = environmentProxy(address); text == "" {
		return nil, nil
	}
	return parseProxy(text)
}

// reach opens a connection to an address, through a proxy if there is one.
func (c *Config) reach(ctx context.Context, address string) (net.Conn, error) {
	via, err := c.proxyFor(address)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if via == nil {
		return dialLine(ctx, "tcp", address)
	}
	var conn net.Conn
	if strings.HasPrefix(via.Scheme, "socks5") {
		conn, err = dialSOCKS(ctx, via, address)
	} else {
		conn, err = dialCONNECT(ctx, via, address)
	}
	if err != nil {
		return nil, &proxyError{via.Host, err}
	}
	return conn, nil
}

// proxyError says that it was the proxy, or the way to it, that failed.
type proxyError struct {
	host string
	err  error
}

func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s: %v", e.host, e.err) }

func (e *proxyError) Unwrap() error { return e.err }

// dialSOCKS asks a proxy that speaks SOCKS5, and lets it look up the name.
// [RFC 1928]
func dialSOCKS(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	var login *socks.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		login = &socks.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := socks.SOCKS5("tcp", via.Host, login, lineDialer{})
	if err != nil {
		return nil, err
	}
	return dialer.(socks.ContextDialer).DialContext(ctx, "tcp", address)
}

// dialCONNECT asks an HTTP proxy for a tunnel. [RFC 9110, 9.3.6]
func dialCONNECT(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	conn, err := dialLine(ctx, "tcp", via.Host)
	if err != nil {
		return nil, err
	}
	if via.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: via.Hostname(), MinVersion: tls.VersionTLS12})
	}
	if err := connect(ctx, conn, via, address); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect asks for the tunnel and waits for the answer, as long as ctx.
func connect(ctx context.Context, conn net.Conn, via *url.URL, address string) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if via.User != nil {
		password, _ := via.User.Password()
		login := base64.StdEncoding.EncodeToString([]byte(via.User.Username() + ":" + password))
		ask.Header.Set("Proxy-Authorization", "Basic "+login)
	}
	if err := ask.Write(conn); err != nil {
		return err
	}
	// One byte at a time, for what is behind the answer is not for us. It is short.
	const longest = 64 << 10
	answer, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(&slowly{conn}, longest), 16), ask)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", errNoProxy, err)
	case answer.StatusCode != http.StatusOK:
		return refusedByProxy(answer.StatusCode)
	}
	return nil
}

// errNoProxy: what answers is no HTTP proxy.
var errNoProxy = fmt.Errorf("no answer of an HTTP proxy")

// slowly reads one byte at a time, so that nobody reads ahead.
type slowly struct{ r io.Reader }

func (s *slowly) Read(p []byte) (int, error) { return s.r.Read(p[:min(1, len(p))]) }

// refusedByProxy is an HTTP status that is not 200.
type refusedByProxy int

func (r refusedByProxy) Error() string {
	switch int(r) {
	case http.StatusProxyAuthRequired, http.StatusUnauthorized:
		return "it wants another user and password"
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return "it does not let us to this address and port"
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "it cannot reach the broker"
	}
	return fmt.Sprintf("it answers %d %s", int(r), http.StatusText(int(r)))
}
