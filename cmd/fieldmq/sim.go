package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/plant"
	"fieldmq/gateway"
)

// simFlags are the flags of sim.
type simFlags struct {
	config, write, dir string
	faults             []string
	span               span
	seed               uint64
	speed              float64
	json               bool
}

func simCommand() *cobra.Command {
	var f simFlags
	c := &cobra.Command{
		Use:   "sim [file]",
		Short: "Simulate the devices of a configuration file",
		Long: `Sim answers for exactly the devices of a configuration file, on the serial ports,
addresses and chips that it names: all points of the file have values that are
plausible for their units, and what is written to them stays. Everything else is
refused, as real devices do.

Where a port cannot be made (a real one is there, or the address belongs to
another machine) the bus answers elsewhere; --write keeps a copy of the file
with the places where all buses do answer.

Faults can be given with --fault, and on standard input while it runs: a device
(or a bus, or all) and what it does.

  meter silence            it does not answer
  meter late 800ms 30%     3 of 10 answers come 800 ms late
  meter exception 6        it refuses with exception code 6
  meter crc for 20s        its checksums are wrong for 20 seconds
  meter ok                 it is well again

Kinds of faults: ` + faultKinds() + ".",
		Example: "  fieldmq sim --config site.yaml\n  fieldmq sim --config site.yaml --write sim.yaml --fault 'boiler late 800ms 30%'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := fileNamed(c, args, &f.config); err != nil {
				return err
			}
			return simulate(c.Context(), f, c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&f.config, "config", "c", defaultConfig, "the configuration `file`")
	c.Flags().StringVar(&f.write, "write", "", "write a copy of the configuration with the places where the buses answer to this `file`")
	c.Flags().StringVar(&f.dir, "dir", "", "make all ports in this `folder`, whatever the file names")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "a `fault` from the start; may be given again")
	f.span.flag(c, "10s")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "a `number` that decides all values")
	c.Flags().Float64Var(&f.speed, "speed", plant.DefaultSpeed, "how much `faster` time passes for the devices")
	c.Flags().BoolVar(&f.json, "json", false, "say where the buses answer as one JSON object")
	return c
}

// faultKinds are all kinds of faults, for people.
func faultKinds() string {
	var names []string
	for _, k := range faults.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func simulate(ctx context.Context, f simFlags, in io.Reader, out io.Writer) error {
	config, err := gateway.Load(f.config)
	if err != nil {
		return err
	}
	p, err := newTwin(config, f)
	if err != nil {
		return err
	}
	defer p.Close()
	for _, fault := range f.faults {
		if err := p.Fault(fault); err != nil {
			return usage("--fault %q: %v", fault, err)
		}
	}
	if f.write != "" {
		if err := writeMoved(f, p); err != nil {
			return err
		}
	}
	if err := introduce(config, p, f, out); err != nil {
		return err
	}
	ctx, cancel := f.span.within(ctx)
	defer cancel()
	// A read from standard input cannot be called off: this goroutine, alone
	// of all, ends with its input or the process.
	go takeFaults(p, in, out)
	return p.Run(ctx)
}

// introduce says where each bus answers.
func introduce(config *gateway.Config, p *plant.Plant, f simFlags, out io.Writer) error {
	if f.json {
		ports := map[string]string{}
		for _, b := range config.Buses {
			ports[b.Name] = p.Port(b.Name)
		}
		return json.NewEncoder(out).Encode(map[string]any{"buses": ports})
	}
	for _, b := range config.Buses {
		var devices []string
		for _, d := range b.Devices {
			devices = append(devices, d.ID)
		}
		verb := "answers"
		if dialsIn(b) != nil {
			verb = "dials in"
		}
		fmt.Fprintf(out, "%s (%s) %s at %s for %s\n", b.Name, b.Driver, verb, p.Port(b.Name), strings.Join(devices, ", "))
		if place := placeOf(b); f.dir == "" && !samePlace(place, p.Port(b.Name)) {
			fmt.Fprintf(out, "  and not at %s, which is not to be had; --write keeps a configuration that fits\n", place)
		}
		if ca := p.Authority(b.Name); ca != "" {
			fmt.Fprintf(out, "  with a certificate that %s signs; --write names it as ca\n", ca)
		}
	}
	fmt.Fprintln(out, `type a fault, such as "`+firstDevice(config)+` silence"; "all ok" ends all`)
	return nil
}

func firstDevice(config *gateway.Config) string {
	for _, b := range config.Buses {
		for _, d := range b.Devices {
			return d.ID
		}
	}
	return "meter"
}

// samePlace says whether a port or address is where the file has it.
func samePlace(named, actual string) bool {
	if named == actual {
		return true
	}
	a, errA := filepath.Abs(named)
	b, errB := filepath.Abs(actual)
	return errA == nil && errB == nil && a == b
}

// takeFaults does what the lines of the input say.
func takeFaults(p *plant.Plant, in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			fmt.Fprintln(out, fault(p, text))
		}
	}
}

// fault breaks or heals a device, and says what is broken now.
func fault(p *plant.Plant, text string) string {
	if err := p.Fault(text); err != nil {
		return err.Error()
	}
	if all := p.Faults(); len(all) > 0 {
		return "faults now: " + strings.Join(all, "; ")
	}
	return "no faults now"
}

// errNoTwin is for what cannot be simulated.
var errNoTwin = errors.New("cannot be simulated")
