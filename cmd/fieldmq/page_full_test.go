package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fullYAML is a gateway whose disk has less room than is to be left on it.
const fullYAML = `
gateway: {id: box, data: DIR/data}
store: {keep_free: 1000TiB}
broker:
  listen: [{url: "mqtt://127.0.0.1:MQTT"}, {url: "ws://127.0.0.1:WS/mqtt"}]
`

func TestPageSaysThatTheStoreIsFull(t *testing.T) {
	dir := t.TempDir()
	s := &site{t: t, file: filepath.Join(dir, "site.yaml"), mqtt: freePort(t), ws: freePort(t)}
	text := strings.NewReplacer("DIR", dir, "MQTT", s.mqtt, "WS", s.ws).Replace(fullYAML)
	if err := os.WriteFile(s.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.gateway()
	b := browse(t)
	b.visit("http://127.0.0.1:" + s.ws + "/#/broker")
	b.sees("What has to be kept is not acknowledged. The store is full")
	b.shot("broker-full")
	b.quietly()
}
