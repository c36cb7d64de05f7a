package gateway

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFaultsOfListeners(t *testing.T) {
	for _, c := range []struct{ name, listen, rest, want string }{
		{"a certificate is missing", `url: "mqtts://0.0.0.0"`, "users: u", "mqtts:// needs a certificate and its key"},
		{"a key is missing", `url: "wss://0.0.0.0", cert: c`, "users: u", "listen[0].key"},
		{"a certificate in the clear", `url: "mqtt://0.0.0.0", cert: c`, "users: u", "listen[0].cert: mqtt:// is in the clear"},
		{"certificates of clients in the clear", `url: "ws://0.0.0.0", client_ca: c`, "users: u", "listen[0].client_ca"},
		{"users of certificates that nobody is asked for", `url: "mqtts://0.0.0.0", cert: c, key: k, cert_user: true`, "users: u", "listen[0].cert_user"},
		{"a certificate that is optional to nobody", `url: "mqtts://0.0.0.0", cert: c, key: k, client_cert: optional`, "users: u", "listen[0].client_cert"},
		{"revoked certificates that nobody is asked for", `url: "mqtts://0.0.0.0", cert: c, key: k, crl: r`, "users: u", "listen[0].crl"},
		{"origins without pages", `url: "mqtt://127.0.0.1", origins: [a]`, "users: u", "listen[0].origins"},
		{"a version that there is not", `url: "mqtt://127.0.0.1", versions: [3.1.1, 4]`, "users: u", "listen[0].versions[1]: \"4\" is none of 3.1, 3.1.1 and 5.0"},
		{"a path without pages", `url: "mqtts://127.0.0.1/x", cert: c, key: k`, "users: u", "takes no path"},
		{"all addresses by a star", `url: "mqtt://*:1883", anonymous: true`, "", "write 0.0.0.0"},
		{"a query", `url: "ws://127.0.0.1/mqtt?x=1"`, "", "protocol, address and path: ws://127.0.0.1/mqtt"},
		{"a user in the address", `url: "mqtt://ann:secret@127.0.0.1"`, "", "protocol, address and path: mqtt://127.0.0.1"},
		{"mosquitto's word for a key", `url: "mqtts://127.0.0.1", certfile: c, key: k`, "", "here it is cert"},
		{"a port that is none", `url: "mqtt://127.0.0.1:70000"`, "max_queued: 10", `listen[0].url: "70000" is not a port from 1 to 65535`},
		{"two on one port", `url: "mqtt://127.0.0.1"}, {url: "ws://127.0.0.1:1883"`, "max_queued: 10", "listen[1].url: another listener has 127.0.0.1:1883 already"},
		{"a socket without a path", `url: "unix://run/mqtt.sock"`, "users: u", "three slashes"},
		{"a listener that nobody may come by", `url: "mqtt://0.0.0.0:1883"`, "max_queued: 10", "mqtt://0.0.0.0:1883 lets nobody in: name a file of users"},
		{"one on all addresses", `url: "mqtt://:1883"`, "max_queued: 10", "lets nobody in"},
		{"one on this machine", `url: "mqtt://127.0.0.1", anonymous: false`, "max_queued: 10", "lets nobody in"},
		{"rules for users that are not there", `url: "mqtt://127.0.0.1"`, "access: [{user: ann}]", "access[0].user: no client has a user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("site.yaml", []byte("broker:\n  listen: [{"+c.listen+"}]\n  "+c.rest+"\n"), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestListenersHaveThePortsThatPeopleExpect(t *testing.T) {
	config := read(t, `
broker:
  users: users
  listen:
    - url: mqtt://0.0.0.0
    - {url: "mqtts://0.0.0.0", cert: c, key: /k}
    - url: ws://0.0.0.0
    - {url: "wss://0.0.0.0/x", cert: c, key: k}
    - url: unix:///run/mqtt.sock
`)
	for i, want := range [][2]string{{"0.0.0.0:1883", "/mqtt"}, {"0.0.0.0:8883", "/mqtt"}, {"0.0.0.0:8083", "/mqtt"}, {"0.0.0.0:8084", "/x"}, {"/run/mqtt.sock", ""}} {
		_, _, address, path := config.Broker.Listen[i].split()
		if address != want[0] || path != want[1] {
			t.Errorf("%s is at %s %s", config.Broker.Listen[i].URL, address, path)
		}
	}
}

func TestVersionsAreReadAsNumbersAreWritten(t *testing.T) {
	config := read(t, `broker: {listen: [{url: "mqtt://127.0.0.1", versions: [3.1, 3.1.1, 5.0], max_connections: 3}]}`)
	if l := config.Broker.Listen[0]; len(l.Versions) != 3 || l.Versions[0] != 3 || l.Versions[1] != 4 || l.Versions[2] != 5 || l.MaxConnections != 3 {
		t.Errorf("got %v", l)
	}
}

func TestFilesAreBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	config, err := Read(filepath.Join(dir, "site.yaml"), []byte("broker:\n  users: users\n  listen: [{url: \"mqtts://0.0.0.0\", cert: c, key: /k}]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := config.Broker.Listen[0]
	if config.Broker.Users != filepath.Join(dir, "users") || l.Cert != filepath.Join(dir, "c") || l.Key != "/k" {
		t.Errorf("users %s, cert %s, key %s", config.Broker.Users, l.Cert, l.Key)
	}
}
