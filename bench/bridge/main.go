//go:build linux

// Bridge breaks everything between a publisher on a gateway and a subscriber at
// the cloud, and counts what is lost: of fieldmq, and of mosquitto as a bridge.
//
//	go run ./bench/bridge                      all faults, some fifteen minutes
//	go run ./bench/bridge -quick               the same in a few minutes
//	go run ./bench/bridge -run 'kills' -kills 200 -peers fieldmq
//
// The gateway is a process that is killed with SIGKILL, the cloud is Debian's
// mosquitto, and between them stands a proxy that cuts, delays, throttles, half
// opens and swallows. The publisher numbers its messages and waits for PUBACK; a
// message that was acknowledged and does not reach the subscriber is lost. The
// program exits with status 1 if fieldmq loses one, lets one overtake another of
// its topic, or sets a retained state back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	fieldmq, mosquitto string
	peers              string
	which              *regexp.Regexp
	rate, payload      int
	devices            int
	kills, million     int
	seed               uint64
	outage             time.Duration
	keep               bool
	dir                string
}

func main() {
	var o options
	flag.StringVar(&o.fieldmq, "fieldmq", "", "the fieldmq `binary`; built if empty")
	flag.StringVar(&o.mosquitto, "mosquitto", "/usr/sbin/mosquitto", "the mosquitto `binary`, as the cloud and as a bridge")
	flag.StringVar(&o.peers, "peers", "fieldmq,mosquitto", "who is measured")
	which := flag.String("run", "", "only faults that match this `expression`")
	flag.IntVar(&o.rate, "rate", 500, "messages a second")
	flag.IntVar(&o.payload, "payload", 256, "bytes of a message, 16 at least")
	flag.IntVar(&o.devices, "devices", 10, "number of devices that speak")
	flag.IntVar(&o.kills, "kills", 200, "how often the fault random kills the gateway")
	flag.IntVar(&o.million, "queued", 1_000_000, "how many messages the fault deep lets wait")
	flag.Uint64Var(&o.seed, "seed", 1, "of what is random")
	flag.DurationVar(&o.outage, "outage", 20*time.Second, "how long an outage lasts")
	flag.BoolVar(&o.keep, "keep", false, "keep the folders of what fails, and say where they are")
	quick := flag.Bool("quick", false, "an outage of 6 s, 20 kills, 100000 queued")
	flag.Parse()
	if *quick {
		o.outage, o.kills, o.million = 6*time.Second, 20, 100_000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if o.which, err = regexp.Compile(*which); err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bridge:", err)
		os.Exit(1)
	}
}

// errFailed: fieldmq lost a message, or worse.
var errFailed = errors.New("fieldmq failed")

func run(ctx context.Context, o options) (err error) {
	if o.dir, err = os.MkdirTemp("", "bench-bridge-"); err != nil {
		return err
	}
	defer func() {
		if o.keep && err != nil {
			fmt.Fprintln(os.Stderr, "kept:", o.dir)
			return
		}
		_ = os.RemoveAll(o.dir)
	}()
	if o.payload < stampSize {
		return fmt.Errorf("a message of %d bytes holds no number: %d are needed", o.payload, stampSize)
	}
	if o.fieldmq == "" {
		o.fieldmq = filepath.Join(o.dir, "fieldmq")
		if err := build(ctx, o.fieldmq); err != nil {
			return err
		}
	}
	printHead(o)
	failed := 0
	for _, f := range faults {
		for name := range strings.SplitSeq(o.peers, ",") {
			if !o.which.MatchString(f.name) || !f.concerns(name) {
				continue
			}
			r, err := measure(ctx, o, f, peers[name])
			if ctx.Err() != nil {
				return ctx.Err()
			}
			bad := printRow(f, name, r, err)
			if bad && name == "fieldmq" {
				failed++
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w at %d faults", errFailed, failed)
	}
	return nil
}

// build makes the binary under test.
func build(ctx context.Context, to string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-o", to}, flags...)
	c := exec.CommandContext(ctx, "go", append(args, "fieldmq/cmd/fieldmq")...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build fieldmq: %w", err)
	}
	return nil
}
