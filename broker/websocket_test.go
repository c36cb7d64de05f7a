package broker

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fieldmq/broker/packet"
	"fieldmq/configs"
)

func webClient(t *testing.T, url string, v packet.Version, id string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	conn := websocket.NetConn(ctx, ws, websocket.MessageBinary)
	c := &client{TB: t, conn: conn, version: v, reader: packet.NewReader(conn, packet.MaxPacket)}
	c.send((&packet.Connect{Version: v, CleanStart: true, ClientID: id}).Append(nil))
	if r := c.connack(); r != packet.Success {
		t.Fatalf("CONNACK: %v", r)
	}
	return c
}

func TestWebSocketCarriesMQTT(t *testing.T) { // [MQTT-4.2.0-1] [MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-6.0.0-3] [MQTT-6.0.0-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			url := "ws://" + listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"}) + "/mqtt"
			web, raw := webClient(t, url, v, "web"), dial(t, addr, v, "raw")
			web.subscribe("down", 2)
			raw.subscribe("up", 2)
			large := strings.Repeat("x", 300_000)
			web.publish(text("up", large, 1))
			if got := raw.receive(); string(got.Payload) != large {
				t.Errorf("%d bytes", len(got.Payload))
			}
			raw.publish(text("down", large, 2))
			if got := web.receive(); string(got.Payload) != large {
				t.Errorf("%d bytes", len(got.Payload))
			}
			dial(t, addr, v, "web") // takes over
			web.disconnected(packet.TakenOver)
		})
	}
}

func TestWebSocketOf31HasAnotherName(t *testing.T) {
	s, _ := start(t, Defaults())
	url := "ws://" + listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"}) + "/mqtt"
	ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"mqttv3.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow() //nolint:errcheck // it is only a test's
	if got := ws.Subprotocol(); got != "mqttv3.1" {
		t.Errorf("sub-protocol %q", got)
	}
	conn := websocket.NetConn(t.Context(), ws, websocket.MessageBinary)
	c := &client{TB: t, conn: conn, version: packet.V31, reader: packet.NewReader(conn, packet.MaxPacket)}
	c.send((&packet.Connect{Version: packet.V31, CleanStart: true, ClientID: "old"}).Append(nil))
	if r := c.connack(); r != packet.Success {
		t.Errorf("CONNACK: %v", r)
	}
}

func TestBordersOfWebSocketMessagesMeanNothing(t *testing.T) { // [MQTT-6.0.0-2]
	s, _ := start(t, Defaults())
	url := "ws://" + listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"}) + "/mqtt"
	c := webClient(t, url, packet.V5, "a")
	pings := packet.AppendPing(packet.AppendPing(nil, packet.PINGREQ), packet.PINGREQ)
	c.send(pings[:1])
	c.send(pings[1:])
	c.next(packet.PINGRESP)
	c.next(packet.PINGRESP)
}

func TestTextMessagesEndAWebSocket(t *testing.T) { // [MQTT-6.0.0-1]
	s, _ := start(t, Defaults())
	url := "ws://" + listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"}) + "/mqtt"
	ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(t.Context(), websocket.MessageText, []byte("\xc0")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); err == nil {
		t.Error("it is answered")
	}
}

func TestWebSocketAsksForTheSubProtocol(t *testing.T) { // [MQTT-6.0.0-3] [MQTT-6.0.0-4]
	s, _ := start(t, Defaults())
	addr := listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"})
	ws, response, err := websocket.Dial(t.Context(), "ws://"+addr+"/mqtt", &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil || response.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
		t.Fatalf("%v, %v", response.Header, err)
	}
	_ = ws.CloseNow()
	ws, _, err = websocket.Dial(t.Context(), "ws://"+addr+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("got %v", err)
	}
}

func TestPagesOfOtherOriginsStayOutside(t *testing.T) {
	s, _ := start(t, Defaults())
	o := ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt", Origins: []string{"https://dash.example.com"}}
	addr := listen(t, s, o)
	for origin, want := range map[string]int{
		"":                          http.StatusSwitchingProtocols,
		"http://" + addr:            http.StatusSwitchingProtocols,
		"https://dash.example.com":  http.StatusSwitchingProtocols,
		"http://dash.example.com":   http.StatusForbidden,
		"https://evil.example.com":  http.StatusForbidden,
		"https://dash.example.com.": http.StatusForbidden,
		"null":                      http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, response, err := websocket.Dial(t.Context(), "ws://"+addr+"/mqtt", &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPHeader: header})
		if response == nil || response.StatusCode != want {
			t.Errorf("%q: got %v, %v, want %d", origin, response, err, want)
		}
		if err == nil {
			_ = ws.CloseNow()
		}
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	s, _ := start(t, Defaults())
	addr := listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"})
	response, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is written
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %v", response.Status, err)
	}
}

func TestWebSocketOnAnotherPathIsToldTheRightOne(t *testing.T) {
	var log lines
	s, _ := start(t, Defaults())
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	addr := listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt", Page: http.NotFoundHandler()})
	_, response, err := websocket.Dial(t.Context(), "ws://"+addr+"/ws", &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err == nil || response == nil || response.StatusCode != http.StatusNotFound {
		t.Fatalf("got %v, %v", response, err)
	}
	if got := strings.Join(log.all(), ""); !strings.Contains(got, "path=/ws") || !strings.Contains(got, "MQTT is on the path /mqtt") {
		t.Errorf("logged %q", got)
	}
}

func TestHandlerServesWithinAnotherServer(t *testing.T) {
	s, addr := start(t, Defaults())
	ctx, cancel := context.WithCancel(t.Context())
	web := httptest.NewServer(s.Handler(ctx, ListenerOptions{Name: "web", Anonymous: true}))
	defer web.Close()
	c := webClient(t, "ws"+strings.TrimPrefix(web.URL, "http"), packet.V5, "a")
	c.subscribe("t", 0)
	dial(t, addr, packet.V5, "b").publish(text("t", "x", 0))
	c.texts(1)
	begin := time.Now()
	cancel()
	c.disconnected(packet.ShuttingDown)
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("took %v", took)
	}
}

// A page at evil.example.com whose name points to 127.0.0.1 has the origin that
// it asks for.
func TestPagesThatMadeTheirNamePointHereStayOutside(t *testing.T) {
	s, _ := start(t, Defaults())
	for _, c := range []struct {
		name, host string
		options    ListenerOptions
		want       int
	}{
		{"by address", "127.0.0.1:8083", ListenerOptions{Anonymous: true, Local: true}, http.StatusSwitchingProtocols},
		{"by an address of version 6", "[::1]:8083", ListenerOptions{Anonymous: true, Local: true}, http.StatusSwitchingProtocols},
		{"as localhost", "localhost:8083", ListenerOptions{Anonymous: true, Local: true}, http.StatusSwitchingProtocols},
		{"by another name", "evil.example.com:8083", ListenerOptions{Anonymous: true, Local: true}, http.StatusForbidden},
		{"by another name where origins are named", "dash.example.com", ListenerOptions{Anonymous: true, Local: true, Origins: []string{"https://x.example.com"}}, http.StatusSwitchingProtocols},
		{"by another name where people have to sign in", "dash.example.com", ListenerOptions{Local: true}, http.StatusSwitchingProtocols},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Name, c.options.Path = "web", "/mqtt"
			addr := listen(t, s, c.options)
			ws, response, err := websocket.Dial(t.Context(), "ws://"+addr+"/mqtt", &websocket.DialOptions{
				Subprotocols: []string{"mqtt"}, Host: c.host, HTTPHeader: http.Header{"Origin": {"http://" + c.host}},
			})
			if response == nil || response.StatusCode != c.want {
				t.Errorf("got %v, %v, want %d", response, err, c.want)
			}
			if ws != nil {
				_ = ws.CloseNow()
			}
		})
	}
}

// Connections that speak HTTP, or nothing yet, are counted like those of MQTT.
func TestConnectionsOfPagesHaveTheSameLimit(t *testing.T) {
	cfg := Defaults()
	cfg.MaxConnections = 1
	cfg.ConnectTimeout = configs.Duration(time.Hour)
	s, _ := start(t, cfg)
	addr := listen(t, s, ListenerOptions{Name: "web", Anonymous: true, Path: "/mqtt"})
	var silent []*client
	for range 1 + spareSockets {
		silent = append(silent, open(t, addr, packet.V5))
	}
	waitFor(t, "count of all", func() bool { return s.sockets.Load() == 1+spareSockets })
	open(t, addr, packet.V5).closed()
	silent[0].cut()
	waitFor(t, "place", func() bool { return s.sockets.Load() == spareSockets })
	web := webClient(t, "ws://"+addr+"/mqtt", packet.V5, "a")
	web.ping()
	if got := s.sockets.Load(); got != 1+spareSockets {
		t.Errorf("%d connections", got)
	}
}
