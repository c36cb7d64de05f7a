package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// ServeWebSocket is Serve for MQTT over WebSocket, on the path of the options.
func (s *Server) ServeWebSocket(ctx context.Context, l net.Listener, o ListenerOptions) error {
	r := newRoster(o)
	server := &http.Server{
		Handler:           s.paths(o, s.upgrade(o, r)),
		ReadHeaderTimeout: s.cfg().ConnectTimeout.D(),
		IdleTimeout:       s.cfg().ConnectTimeout.D(),
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(webLog{s.log}, "", 0),
		ConnState:         s.countWeb,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // ends Serve below
	defer stop()
	err := server.Serve(l)
	_ = server.Close() // connections that were not upgraded
	r.close()
	r.wait()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve WebSocket on %s: %w", o.Name, err)
}

// countWeb counts the connections of an HTTP server among all, until they are
// MQTT's, and closes those that are too many.
func (s *Server) countWeb(nc net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.tooMany() {
			_ = nc.Close()
		}
	case http.StateHijacked, http.StateClosed:
		s.sockets.Add(-1)
	}
}

// webLog takes what an HTTP server says of its connections: above all why TLS did
// not come about. Who only looked whether somebody listens is not worth a line.
type webLog struct{ log *slog.Logger }

func (w webLog) Write(line []byte) (int, error) {
	text, level := strings.TrimSpace(string(line)), slog.LevelInfo
	if strings.HasSuffix(text, ": EOF") {
		level = slog.LevelDebug
	}
	w.log.Log(context.Background(), level, "connection ended before CONNECT", "reason", text)
	return len(line), nil
}

// paths serves the socket on its path and the page on all others; a ServeMux
// would read more into them than paths.
func (s *Server) paths(o ListenerOptions, socket http.Handler) http.Handler {
	others := o.Page
	if others == nil {
		others = http.NotFoundHandler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == o.Path {
			socket.ServeHTTP(w, req)
			return
		}
		if strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
			s.log.Info("WebSocket refused", "listener", o.Name, "remote", req.RemoteAddr, "path", req.URL.Path, "error", "MQTT is on the path "+o.Path)
			http.Error(w, "MQTT is on the path "+o.Path, http.StatusNotFound)
			return
		}
		others.ServeHTTP(w, req)
	})
}

// Handler upgrades requests to MQTT over WebSocket, for those who serve HTTP
// themselves. Its connections end with ctx; a request lasts as long as its
// connection.
func (s *Server) Handler(ctx context.Context, o ListenerOptions) http.Handler {
	r := newRoster(o)
	context.AfterFunc(ctx, r.close)
	return s.upgrade(o, r)
}

func (s *Server) upgrade(o ListenerOptions, r *roster) http.Handler {
	options := &websocket.AcceptOptions{
		Subprotocols:   []string{"mqtt", "mqttv3.1"}, // [MQTT-6.0.0-3]; clients of 3.1 ask for the other
		OriginPatterns: o.Origins,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if o.rebound(req) {
			s.log.Info("WebSocket refused", "listener", o.Name, "remote", req.RemoteAddr, "host", req.Host, "origin", req.Header.Get("Origin"))
			http.Error(w, "pages of another site may not connect; name its origin under origins to let it", http.StatusForbidden)
			return
		}
		ws, err := websocket.Accept(w, req, options)
		if err != nil { // the client was told
			s.log.Info("WebSocket refused", "listener", o.Name, "remote", req.RemoteAddr, "error", err)
			return
		}
		defer ws.CloseNow()         //nolint:errcheck // it is closed already, or there is nobody left to tell
		if ws.Subprotocol() == "" { // [MQTT-6.0.0-3]
			s.log.Info("WebSocket refused", "listener", o.Name, "remote", req.RemoteAddr, "error", "sub-protocol mqtt is missing")
			_ = ws.Close(websocket.StatusPolicyViolation, "sub-protocol mqtt is missing")
			return
		}
		// A reader takes messages in pieces, so their size needs no limit; the
		// size of packets has one.
		ws.SetReadLimit(-1)
		s.serveConn(newWebConn(ws, req), r)
	})
}

// rebound says whether a page may have been led here by a name of its own that
// it made point to this machine: then its origin is the host that it asks for,
// and still it is a stranger's. It matters where nobody is asked who he is.
func (o *ListenerOptions) rebound(req *http.Request) bool {
	if !o.Local || !o.Anonymous || len(o.Origins) > 0 || req.Header.Get("Origin") == "" {
		return false
	}
	host := req.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && host != "localhost" && !strings.HasSuffix(host, ".localhost")
}

// webConn is a WebSocket as a net.Conn: a stream whose borders between
// messages mean nothing. [MQTT-6.0.0-2]
type webConn struct {
	ws     *websocket.Conn
	ctx    context.Context // of all reads and writes; the interface has none
	cancel context.CancelFunc
	addrs  [2]net.Addr          // local, remote
	tls    *tls.ConnectionState // nil: in the clear
	in     io.Reader            // the message that is being read
}

var _ net.Conn = (*webConn)(nil)

func newWebConn(ws *websocket.Conn, req *http.Request) *webConn {
	c := &webConn{ws: ws, tls: req.TLS}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(req.Context()))
	local, _ := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	c.addrs = [2]net.Addr{local, webAddr(req.RemoteAddr)}
	return c
}

// Read fails at a message that is not binary. [MQTT-6.0.0-1]
func (c *webConn) Read(p []byte) (int, error) {
	for {
		if c.in == nil {
			kind, in, err := c.ws.Reader(c.ctx)
			if err != nil {
				return 0, streamError(err)
			}
			if kind != websocket.MessageBinary {
				return 0, errors.New("WebSocket message that is not binary")
			}
			c.in = in
		}
		n, err := c.in.Read(p)
		if errors.Is(err, io.EOF) {
			c.in, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, streamError(err)
		}
	}
}

// streamError says of a connection that was closed in good order that it ended.
func streamError(err error) error {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		return io.EOF
	}
	return err
}

// Write sends one binary message.
func (c *webConn) Write(p []byte) (int, error) {
	if err := c.ws.Write(c.ctx, websocket.MessageBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close does not wait for the peer to agree.
func (c *webConn) Close() error {
	c.cancel()
	return c.ws.CloseNow()
}

func (c *webConn) LocalAddr() net.Addr  { return c.addrs[0] }
func (c *webConn) RemoteAddr() net.Addr { return c.addrs[1] }

// SetDeadline closes the connection at the time, which is what the end of a
// deadline does to a WebSocket anyway.
func (c *webConn) SetDeadline(t time.Time) error {
	timer := time.AfterFunc(time.Until(t), c.cancel)
	context.AfterFunc(c.ctx, func() { timer.Stop() })
	return nil
}

// SetReadDeadline is SetDeadline.
func (c *webConn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline is SetDeadline.
func (c *webConn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

// webAddr is the remote address as HTTP has it.
type webAddr string

func (webAddr) Network() string  { return "tcp" }
func (a webAddr) String() string { return string(a) }
