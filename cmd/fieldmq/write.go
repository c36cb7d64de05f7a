package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"fieldmq/drivers"
	"fieldmq/gateway/probe"
	"fieldmq/mapping"
)

func writeCommand() *cobra.Command {
	var t target
	var yes bool
	c := &cobra.Command{
		Use:   "write {-b bus} {holding | coil} {register} {value ...}\n  fieldmq write device point value",
		Short: "Write registers, or a point of a device",
		Long: `Write shows what the device has now, asks, writes, and reads back. Several
values go into places that follow each other, in one request.

` + busHelp + `

With a configuration file devices and points go by their names: only points with
write: can be written, within their limits, in their own unit and words.

` + viaHelp + `

It asks before it writes if a person sits before it; --yes asks nothing.

Exit codes: 0 written and read back, 1 refused or different, 2 wrong command
line, 4 no answer.`,
		Example: `  fieldmq write -b 192.168.1.20 holding 101 215 -t int16
  fieldmq write -b "/dev/ttyUSB0 9600" -u 1 coil 0 1 0 1
  fieldmq write -b plc holding 10 -12.5 -t float32 --yes
  fieldmq write -c site.yaml boiler setpoint 55`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			ask := !yes && interactive(c.InOrStdin())
			return write(c.Context(), &t, args, ask, c.InOrStdin(), c.OutOrStdout())
		},
	}
	t.flags(c)
	t.words.Write = true
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// interactive says whether a person can answer.
func interactive(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

var errDeclined = errors.New("nothing was written")

func write(ctx context.Context, t *target, args []string, ask bool, in io.Reader, out io.Writer) error {
	place, values := args[:2], args[2:]
	t.words.Count = len(values)
	if !t.direct() && len(values) != 1 {
		return usage("a point takes one value, not %d", len(values))
	}
	m, err := t.find(place)
	if err != nil {
		return err
	}
	orders := make([]probe.Order, len(m.entries))
	for i, e := range m.entries {
		orders[i] = probe.Order{Point: e.Point.Name, Value: strings.TrimSpace(values[i])}
	}
	commands, err := probe.Commands(m.device, orders) // what may not be written needs no bus
	if err != nil {
		return usage("%v", err)
	}
	t.via.first = !t.direct() // what a device does with a write on a second connection, nobody knows
	p, err := t.open(ctx, m)
	if err != nil {
		return err
	}
	defer p.Close()
	if ask {
		if err := confirm(ctx, p, t, m.entries, values, in, out); err != nil {
			return err
		}
	}
	if err := send(ctx, p, t, orders, commands); err != nil {
		return err
	}
	return readBack(ctx, p, t, m.entries, commands, out)
}

// send writes. A point of a bus that a gateway lends is written by name, which
// it allows whatever tools may do.
func send(ctx context.Context, p *onBus, t *target, orders []probe.Order, commands []drivers.Command) error {
	if p.client == nil || t.direct() {
		return p.Write(ctx, commands)
	}
	values := map[string]string{}
	for _, o := range orders {
		values[o.Point] = o.Value
	}
	return p.client.Set(ctx, commands[0].Point.Device, values)
}

// confirm shows what is there now, and asks.
func confirm(ctx context.Context, p *onBus, t *target, entries []mapping.Entry, values []string, in io.Reader, out io.Writer) error {
	readings, err := p.Read(ctx, entries)
	if err != nil {
		return err
	}
	if err := t.print(out, readings, false); err != nil {
		return err
	}
	fmt.Fprintf(out, "write %s there? [y/N] ", strings.Join(values, " "))
	if a := strings.ToLower(strings.TrimSpace(answer(ctx, in))); a != "y" && a != "yes" {
		return errDeclined
	}
	return nil
}

// answer is a line of the person, empty if ctx ends first. A read from a
// terminal cannot be called off: the goroutine then ends with the process.
func answer(ctx context.Context, in io.Reader) string {
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // what cannot be read is no yes
		said <- line
	}()
	select {
	case line := <-said:
		return line
	case <-ctx.Done():
		return ""
	}
}

// readBack shows what is there afterwards, and compares.
func readBack(ctx context.Context, p *onBus, t *target, entries []mapping.Entry, commands []drivers.Command, out io.Writer) error {
	readings, err := p.Read(ctx, entries)
	if err != nil {
		return err
	}
	if err := t.print(out, readings, false); err != nil {
		return err
	}
	if err := judge(readings); err != nil {
		return fmt.Errorf("written, but not read back: %w", err)
	}
	for i, r := range readings {
		if !same(r.Sample.Value, commands[i].Value) {
			return fmt.Errorf("%v was given %v, and has %v", r.Point.At, commands[i].Value, r.Sample.Value)
		}
	}
	return nil
}

// same compares values as a device gives them back: a number may have lost
// digits in single precision.
func same(a, b drivers.Value) bool {
	if a.IsNumber() && b.IsNumber() {
		return math.Abs(a.Float()-b.Float()) <= 1e-6*math.Abs(b.Float())
	}
	return a == b || a.Kind() != b.Kind() && a.Kind() != drivers.KindText && a.Float() == b.Float()
}

// shield puts a blank before negative numbers on the command line of write, so
// that they are not taken for flags.
func shield(args []string) []string {
	if len(args) == 0 || args[0] != "write" {
		return args
	}
	shielded := slices.Clone(args)
	for i, a := range args {
		if _, err := strconv.ParseFloat(a, 64); err == nil && a[0] == '-' {
			shielded[i] = " " + a
		}
	}
	return shielded
}
