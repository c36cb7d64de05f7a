//go:build linux

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// peer is a gateway that is measured.
type peer struct {
	name    string
	config  string // HERE, THERE: host:port of its own and of the cloud, with _PORT the port alone; DATA: its folder
	command func(o options, config string) []string
}

var peers = map[string]peer{
	"fieldmq": {
		name: "fieldmq",
		config: `gateway: {id: box, every: 1h, data: "DATA"}
broker: {listen: [{url: "mqtt://HERE"}]}
store: {keep_free: 1MiB, segment: 128KiB}
upstreams:
  cloud:
    url: mqtt://THERE
    client_id: box
    keep_alive: 5s
    will_delay: 5s
    out: [{topic: "device/#", to: "site/device/#", qos: 1}]
    backlog: {max: 2GiB, messages: 5000000, full: FULL}
`,
		command: func(o options, config string) []string {
			return []string{o.fieldmq, "run", "--log-level", "warn", "--config", config}
		},
	},
	// Its best settings, as far as they do not make it write its whole backlog
	// at every change.
	"mosquitto": {
		name: "mosquitto",
		config: `listener HERE_PORT 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location DATA/
autosave_interval 1
max_inflight_messages 1000
max_queued_messages 0
set_tcp_nodelay true
log_type error
connection box
address THERE
remote_clientid box
cleansession false
bridge_protocol_version mqttv50
keepalive_interval 5
restart_timeout 1
notifications false
try_private true
topic device/# out 1 "" site/
`,
		command: func(o options, config string) []string { return []string{o.mosquitto, "-c", config} },
	},
}

// process is the peer with its folder, ready to be started.
func (p peer) process(o options, dir, data, cloud, full string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, p.name+".conf")
	text := fillIn(p.config, map[string]string{"HERE": addr, "THERE": cloud}, "DATA", data, "FULL", full)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return &process{name: p.name, line: p.command(o, file), addr: addr}, nil
}

// cloudProcess is the broker that plays the cloud.
func cloudProcess(o options, dir string, window string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	const config = `listener HERE_PORT 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location DATA/
autosave_interval 1
max_inflight_messages WINDOW
max_queued_messages 0
set_tcp_nodelay true
log_type error
`
	data := filepath.Join(dir, "cloud")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "cloud.conf")
	if err := os.WriteFile(file, []byte(fillIn(config, map[string]string{"HERE": addr}, "DATA", data, "WINDOW", window)), 0o600); err != nil {
		return nil, err
	}
	return &process{name: "cloud", line: []string{o.mosquitto, "-c", file}, addr: addr}, nil
}

// fillIn puts addresses and other words in a configuration.
func fillIn(config string, addresses map[string]string, more ...string) string {
	for name, addr := range addresses {
		_, port, _ := net.SplitHostPort(addr)
		more = append(more, name+"_PORT", port, name, addr)
	}
	return strings.NewReplacer(more...).Replace(config)
}
