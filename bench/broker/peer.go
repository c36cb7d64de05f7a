//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peer is a broker that is measured.
type peer struct {
	name, config string // config holds PORT
	command      func(config string) []string
}

// mosquitto gets the in-flight limit that fieldmq has, and queues that never
// drop anything; and it sends at once, as fieldmq does.
func mosquitto(binary string) peer {
	return peer{
		name: "mosquitto",
		config: `listener PORT 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 0
log_type error
`,
		command: func(config string) []string { return []string{binary, "-c", config} },
	}
}

func fieldmq(binary string) peer {
	return peer{
		name: "fieldmq",
		config: `gateway: {id: bench, every: 1h}
broker: {listen: [{url: "mqtt://127.0.0.1:PORT"}]}
`,
		command: func(config string) []string {
			return []string{binary, "run", "--log-level", "warn", "--config", config}
		},
	}
}

// start starts the broker and returns when it takes connections.
func (p peer) start(ctx context.Context, dir string) (running *process, addr string, err error) {
	addr, err = freeAddress()
	if err != nil {
		return nil, "", err
	}
	_, port, _ := net.SplitHostPort(addr)
	config := filepath.Join(dir, p.name+".conf")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(p.config, "PORT", port)), 0o644); err != nil {
		return nil, "", err
	}
	line := p.command(config)
	running, err = start(exec.CommandContext(ctx, line[0], line[1:]...))
	if err != nil {
		return nil, "", err
	}
	if err := awaitPort(ctx, addr); err != nil {
		running.stop()
		return nil, "", fmt.Errorf("%w; it says: %s", err, running.output)
	}
	return running, addr, nil
}

// freeAddress is one on loopback where nobody listens now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func awaitPort(ctx context.Context, addr string) error {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil || time.Since(began) > helloTime {
			return fmt.Errorf("the broker does not listen: %w", err)
		}
	}
}
