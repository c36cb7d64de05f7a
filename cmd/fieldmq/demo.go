package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"fieldmq/firmware-sim/plant"
	"fieldmq/gateway"
)

//go:embed demo.yaml
var demoYAML string

// faultTopic is where the demo takes faults from any MQTT client.
const faultTopic = "sim/fault"

// demoFlags are the flags of demo.
type demoFlags struct {
	write   string
	faults  []string
	span    span
	json    bool
	logging logFlags
}

func demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the gateway on simulated devices; needs nothing",
		Long: `Demo simulates an energy meter and a boiler on one Modbus RTU bus, a PLC on Modbus
TCP, a scale that sends lines of text, and a GPIO chip. The gateway reads them
with its real drivers over real ports, serves them from its broker, and bridges
that to a second broker that plays the cloud, on this machine only. Nothing is
written outside a temporary folder.

Its page in the browser shows the devices, with charts and switches, and all the
works of the gateway. On a terminal it shows the devices as a table, and keys break them; elsewhere it
prints each message as a line. Faults can also be given with --fault, or be
published: mosquitto_pub -t ` + faultTopic + ` -m 'meter silence for 20s'
The cloud goes away by 'cloud silence' and comes back by 'cloud ok'.

To go on from here, keep its configuration:

  fieldmq demo --write site.yaml
  fieldmq sim --config site.yaml       (the devices)
  fieldmq run --config site.yaml       (the gateway)`,
		Example: "  fieldmq demo\n  fieldmq demo --for 10s --fault 'boiler silence'",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return demo(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.write, "write", "", "write the configuration to this `file` and stop, unless --for is given too")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "a `fault` from the start, such as 'meter silence'; may be given again")
	f.span.flag(c, "10s")
	c.Flags().BoolVar(&f.json, "json", false, "print messages as JSON objects, one a line")
	f.logging.add(c)
	c.Flags().Lookup("log-level").DefValue = "warn"
	f.logging.level = "warn"
	return c
}

func demo(ctx context.Context, f demoFlags, out, errs io.Writer) error {
	if f.write != "" {
		if err := keep(f.write, errs); err != nil || f.span.Duration == 0 {
			return err
		}
	}
	log, levels, err := f.logging.changeable(errs)
	if err != nil {
		return err
	}
	p, err := plant.New(plant.Options{Seed: uint64(time.Now().UnixNano())})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, text := range f.faults {
		if err := p.Fault(text); err != nil {
			return usage("--fault %q: %v", text, err)
		}
	}
	up, err := openCloud(ctx, log)
	if err != nil {
		return err
	}
	defer up.ln.Close()
	config, err := demoConfig(p, up.url())
	if err != nil {
		return err
	}
	g, notes, err := openDemo(ctx, config, log)
	if err != nil {
		return err
	}
	g.Levels(levels)
	ctx, cancel := f.span.within(ctx)
	defer cancel()
	return play(ctx, p, up, g, newShow(f, out, errs, g, up.ln.Addr(), notes))
}

// variable is a place in the demo's configuration that the demo itself fills
// in, and what stands there for everyone else.
var variable = regexp.MustCompile(`\$\{[A-Z]+:-([^}]*)\}`)

// keep writes the demo's configuration for sim and run.
func keep(file string, errs io.Writer) error {
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there already; name another file", file)
	}
	text := variable.ReplaceAllString(demoYAML, "$1")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(errs, "wrote %s; run it with simulated devices in two terminals:\n  fieldmq sim --config %s\n  fieldmq run --config %s\n", file, file, file)
	return nil
}

// demoConfig is the demo's site with the ports of the plant and the cloud.
func demoConfig(p *plant.Plant, cloud string) (*gateway.Config, error) {
	ports := map[string]string{
		"PANEL": p.Port(plant.DemoRTU), "PLC": p.Port(plant.DemoTCP),
		"SCALE": p.Port(plant.DemoSerial), "CHIP": p.Port(plant.DemoGPIO),
		"CLOUD": cloud,
	}
	return gateway.Read("demo.yaml", []byte(demoYAML), func(name string) (string, bool) {
		value, ok := ports[name]
		return value, ok
	})
}

// openDemo opens the gateway, on free ports where the usual ones are taken.
func openDemo(ctx context.Context, config *gateway.Config, log *slog.Logger) (*gateway.Gateway, []string, error) {
	var notes []string
	for i := range config.Broker.Listen {
		l := &config.Broker.Listen[i]
		if l.Taken(ctx) {
			notes = append(notes, fmt.Sprintf("%s is taken by another program; the demo listens on another port", l.URL))
			*l = l.Elsewhere()
		}
	}
	g, err := gateway.Open(ctx, config, log)
	if err != nil {
		return nil, nil, err
	}
	g.Plan = planned
	return g, notes, nil
}

// play runs the plant, the cloud, the gateway and the show until ctx ends.
func play(ctx context.Context, p *plant.Plant, up *cloud, g *gateway.Gateway, s *show) error {
	// The devices and the cloud answer until the gateway has said goodbye.
	field, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, field := errgroup.WithContext(field)
	group.Go(func() error { return p.Run(field) })
	group.Go(func() error { return up.run(field) })
	group.Go(func() error {
		for m := range g.Server().Subscribe(field, faultTopic) {
			s.note(fail(p, up, string(m.Payload)))
		}
		return nil
	})
	group.Go(func() error { return s.run(field) })
	group.Go(func() error {
		return keys(field, os.Stdin, func(key byte) {
			if text := s.pressed(key); text != "" {
				s.note(fail(p, up, text))
			}
		})
	})
	group.Go(func() error {
		defer stop()
		return g.Run(ctx)
	})
	return group.Wait()
}

// fail carries out a fault of a device or of the cloud, and says what is the
// matter now.
func fail(p *plant.Plant, up *cloud, text string) string {
	if !up.fault(text) {
		return fault(p, text)
	}
	if strings.Contains(text, "ok") {
		return "the cloud is back"
	}
	return "the cloud is away: what is for it waits; '" + cloudBack + "' brings it back"
}
