package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fieldmq/gateway"
)

// manager is the service manager that started us, told by sd_notify(3) how we
// are. Its zero value is none, and is told nothing.
type manager struct {
	address string
	log     *slog.Logger
}

// newManager finds the manager in the environment.
func newManager(log *slog.Logger) *manager {
	return &manager{address: os.Getenv("NOTIFY_SOCKET"), log: log}
}

// tell sends what has changed.
func (m *manager) tell(states ...string) {
	if m.address == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(strings.Join(states, "\n")))
		conn.Close()
	}
	if err != nil {
		m.log.Warn("the service manager was not told", "error", err)
	}
}

// reloading tells that a file is put into force, or was.
func (m *manager) reloading(begins bool) {
	if !begins {
		m.tell("READY=1")
		return
	}
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail
	m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// run tells that the gateway is ready once it is, and from then on that it is
// alive, until ctx ends. A loop that hangs is not alive; devices that are silent
// and upstreams that are away are none of the manager's business.
func (m *manager) run(ctx context.Context, g *gateway.Gateway) error {
	select {
	case <-ctx.Done():
		return nil
	case <-g.Ready():
	}
	m.tell("READY=1", "STATUS="+g.Summary())
	defer m.tell("STOPPING=1")
	every := m.watchdog()
	if every == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if hanging := g.Hanging(); len(hanging) > 0 {
			m.log.Error("the watchdog is not fed", "reason", strings.Join(hanging, "; "))
			continue
		}
		m.tell("WATCHDOG=1", "STATUS="+g.Summary())
	}
}

// watchdog is how often the manager wants to hear that we are alive, three times
// in the time that it allows; zero: not at all.
func (m *manager) watchdog() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 3
}
