package bridge

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldmq/configs"
)

// daemon runs a server that others wrote until the test ends.
func daemon(t *testing.T, port, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	until(t, name+" listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// tinyproxy is an HTTP proxy with a user whose tunnels may go to one port.
func tinyproxy(t *testing.T, connectPort string) (port string) {
	t.Helper()
	port = freePort(t)
	file := filepath.Join(t.TempDir(), "tinyproxy.conf")
	text := fmt.Sprintf("Port %s\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth box secret\nConnectPort %s\nConnectPort 1\n", port, connectPort)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon(t, port, "tinyproxy", "-d", "-c", file)
	return port
}

// microsocks is a SOCKS5 proxy with a user.
func microsocks(t *testing.T) (port string) {
	t.Helper()
	port = freePort(t)
	daemon(t, port, "microsocks", "-i", "127.0.0.1", "-p", port, "-u", "box", "-P", "secret")
	return port
}

func TestProxiesAreUsed(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", time.Now().Add(time.Hour))
	a.issue("box", time.Now().Add(time.Hour))
	plain, secure := startCloud(t), startTLSCloud(t, a, "server")
	trusted := func(c *Config) { c.CA, c.Cert, c.Key = a.file("ca.crt"), a.file("box.crt"), a.file("box.key") }
	socks := microsocks(t)
	for _, c := range []struct {
		name, url, proxy string
		change           func(*Config)
	}{
		{"an HTTP proxy", "mqtt://127.0.0.1:" + plain.port, "http://box:secret@127.0.0.1:" + tinyproxy(t, plain.port), nil},
		{"an HTTP proxy, and TLS", "mqtts://127.0.0.1:" + secure.port, "box:secret@127.0.0.1:" + tinyproxy(t, secure.port), trusted},
		{"a SOCKS5 proxy", "mqtt://127.0.0.1:" + plain.port, "socks5://box:secret@127.0.0.1:" + socks, nil},
		{"a SOCKS5 proxy, and TLS", "mqtts://127.0.0.1:" + secure.port, "socks5://box:secret@127.0.0.1:" + socks, trusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := config(c.url)
			conf.Proxy = proxySecret(t, c.proxy)
			if c.change != nil {
				c.change(&conf)
			}
			s := startSite(t, conf)
			s.connected()
			for range 100 {
				s.say("device/meter/event", strings.Repeat("x", 1000), false)
			}
			if st := s.settled(); st.Delivered != 100 {
				t.Errorf("delivered %d", st.Delivered)
			}
		})
	}
}

func proxySecret(t *testing.T, text string) configs.Secret {
	t.Helper()
	return secret(t, `"`+text+`"`)
}

func TestTroubleWithProxiesIsExplained(t *testing.T) {
	plain := startCloud(t)
	url := "mqtt://127.0.0.1:" + plain.port
	socks, web := microsocks(t), tinyproxy(t, plain.port)
	for _, c := range []struct {
		name, url, proxy, want string
	}{
		{"nobody listens", url, "http://127.0.0.1:1", "no proxy listens at 127.0.0.1:1 (connection refused)"},
		{"no such proxy", url, "http://nowhere.invalid:3128", `there is no host "nowhere.invalid", which should be the proxy`},
		{"another password is wanted", url, "http://box:wrong@127.0.0.1:" + web, "it wants another user and password"},
		{"that port may not be reached", "mqtt://127.0.0.1:2", "http://box:secret@127.0.0.1:" + web, "it does not let us to this address and port"},
		{"the broker cannot be reached", "mqtt://127.0.0.1:1", "http://box:secret@127.0.0.1:" + web, "it cannot reach the broker"},
		{"the broker is no proxy", url, "http://127.0.0.1:" + plain.port, "is no HTTP proxy"},
		{"a SOCKS proxy wants another password", url, "socks5://box:wrong@127.0.0.1:" + socks, "the proxy 127.0.0.1:" + socks},
		{"a SOCKS proxy cannot reach the broker", "mqtt://127.0.0.1:1", "socks5://box:secret@127.0.0.1:" + socks, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := config(c.url)
			conf.Proxy = proxySecret(t, c.proxy)
			s := startSite(t, conf)
			until(t, "trouble", func() bool { return s.Stats().Trouble != "" })
			got := s.Stats().Trouble
			if !strings.Contains(got, c.want) || strings.Contains(got, "\n") || strings.Contains(got, "secret") {
				t.Errorf("got %q, want %q in one line", got, c.want)
			}
		})
	}
}

func TestProxyOfTheEnvironmentIsUsed(t *testing.T) {
	asked := make(chan string, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				select {
				case asked <- r.Method + " " + r.Host:
				default:
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close() })
	t.Setenv("https_proxy", ln.Addr().String())
	t.Setenv("no_proxy", "inside.example")
	for _, url := range []string{"mqtt://broker.invalid", "wss://broker.invalid"} {
		s := startSite(t, config(url))
		want := map[string]string{"mqtt://broker.invalid": "CONNECT broker.invalid:1883", "wss://broker.invalid": "CONNECT broker.invalid:443"}[url]
		if got := <-asked; got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
		s.stop()
	}
}

func TestExceptionsOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		address, exceptions string
		want                bool
	}{
		{"localhost:1883", "", true},
		{"127.0.0.9:1883", "", true},
		{"[::1]:1883", "", true},
		{"a.example:1883", "", false},
		{"a.example:1883", "*", true},
		{"a.example:1883", "b.example, EXAMPLE", true},
		{"a.example:1883", ".example", true},
		{"a.example:1883", "*.example", true},
		{"example:1883", "notexample", false},
		{"notexample:1883", "example", false},
		{"a.example:1883", "a.example:8883", false},
		{"a.example:8883", "a.example:8883", true},
		{"10.1.2.3:1883", "10.0.0.0/8", true},
		{"10.1.2.3:1883", "10.1.2.3", true},
		{"11.1.2.3:1883", "10.0.0.0/8,10.1.2.3", false},
	} {
		if got := direct(c.address, c.exceptions); got != c.want {
			t.Errorf("%s with no_proxy=%q: %v", c.address, c.exceptions, got)
		}
	}
}
