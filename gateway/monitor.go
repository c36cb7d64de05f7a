package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"fieldmq/configs"
	"fieldmq/gateway/metrics"
)

// Metrics are the keys of the section metrics: figures and health over HTTP, for
// those who watch over gateways.
type Metrics struct {
	// Listen is the address that serves /metrics in the text format of Prometheus,
	// /healthz and /readyz, such as 127.0.0.1:9464. Whoever reaches it reads the
	// names of devices and their figures; nothing asks for a password. Default:
	// none, and nothing is served.
	Listen string `yaml:"listen"`
	// Values adds the last value of each point that is a number, true or false, as
	// fieldmq_value{device, point, unit}. Default: false.
	Values bool `yaml:"values"`
}

// Validate checks the address.
func (m *Metrics) Validate() error {
	if m.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(m.Listen)
	if _, wrong := net.LookupPort("tcp", port); err != nil || wrong != nil || strings.Contains(host, "/") {
		return configs.Bad("listen", "%q is no address such as 127.0.0.1:9464", m.Listen)
	}
	return nil
}

// monitor serves a section metrics.
type monitor struct {
	config Metrics
	net.Listener
	stop  context.CancelFunc
	ended chan struct{}
}

// openMonitor takes the port; nil if none is asked for.
func openMonitor(ctx context.Context, config Metrics) (*monitor, error) {
	if config.Listen == "" {
		return nil, nil
	}
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; set another port under metrics.listen: %w", config.Listen, syscall.EADDRINUSE)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	return &monitor{config: config, Listener: ln, ended: make(chan struct{})}, nil
}

// serve begins to serve, until end is called.
func (g *Gateway) serve(ctx context.Context, m *monitor) {
	g.monitor = m
	if m == nil {
		return
	}
	g.log.Info("metrics", "url", "http://"+m.Addr().String()+"/metrics")
	ctx, m.stop = context.WithCancel(ctx)
	server := &http.Server{
		Handler:           g.watchers(m.config.Values),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	go func() {
		defer close(m.ended)
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.Serve(&atMost{Listener: m.Listener, free: make(chan struct{}, 64)}); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("metrics are no longer served", "error", err)
		}
	}()
}

// end ends serving and waits for it. It may be called of nil.
func (m *monitor) end() {
	if m != nil {
		m.stop()
		<-m.ended
	}
}

// watchers answers those who watch.
func (g *Gateway) watchers(values bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", metrics.ContentType)
		_, _ = io.WriteString(w, g.scrape(values)) // who has gone misses nothing
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tellHealth(w, g.Hanging()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		tellHealth(w, append(g.unready(), g.Hanging()...))
	})
	return mux
}

// tellHealth says ok, or what is wrong, a line each.
func tellHealth(w http.ResponseWriter, wrong []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok"
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = strings.Join(wrong, "\n")
	}
	_, _ = io.WriteString(w, text+"\n")
}

// longestBeat is how long a loop may be busy with one thing. Time-outs are a
// minute at most, and a read of a device ends with its first.
const longestBeat = 3 * time.Minute

// Hanging says which loops have stopped to turn, which none ever should. A
// device that is silent, a bus that is gone or an upstream that is away is no
// reason: a restart would not mend it.
func (g *Gateway) Hanging() []string {
	var hanging []string
	for bus, loop := range g.figures.loops() {
		if beat := loop.Stats().Beat; !beat.IsZero() && time.Since(beat) > longestBeat {
			hanging = append(hanging, fmt.Sprintf("bus %s hangs since %v", bus, beat.Round(time.Second)))
		}
	}
	slices.Sort(hanging)
	return hanging
}

// unready says what is still to come after a start, or has gone before an end.
func (g *Gateway) unready() []string {
	if !g.ready.Load() {
		return []string{"the gateway is starting or stopping"}
	}
	return nil
}

// atMost bounds the connections of a listener: more wait to be accepted.
type atMost struct {
	net.Listener
	free chan struct{} // a place for each connection
}

// Accept implements net.Listener.
func (l *atMost) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: conn, free: l.free}, nil
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	free chan struct{}
	once sync.Once
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() { <-c.free })
	return c.Conn.Close()
}
