package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway/scan"
)

// scanFlags are the flags of scan.
type scanFlags struct {
	last            int
	timeout, budget time.Duration
	write           string
	json            bool
	via             via
}

func scanCommand() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan [bus ...]",
		Short: "Find Modbus devices whose speed, parity or unit id nobody knows",
		Long: `Scan asks for devices on serial lines and on the network, and guesses what they
are by the profiles that it knows. It only reads. Without a bus it takes all
serial ports of this machine.

` + busHelp + `

A serial port without a speed is tried at all that are likely, with the likely
unit ids first. Ctrl-C ends the scan and keeps what was found; so does --time.
--write makes a configuration of it.

` + viaHelp + ` A line that a gateway
lends is asked at the speed that it has.

Exit codes: 0 something was found, 4 nothing, 1 a bus could not be opened.`,
		Example: `  fieldmq scan
  fieldmq scan /dev/ttyUSB0 --time 5m
  fieldmq scan "/dev/ttyUSB0 9600 8E1" 192.168.1.20 --write site.yaml`,
		RunE: func(c *cobra.Command, buses []string) error {
			if f.last < 1 || f.last > 247 {
				return usage("--last %d is not a unit id from 1 to 247", f.last)
			}
			if f.timeout <= 0 || f.budget <= 0 {
				return usage("--timeout and --time are to be above zero")
			}
			return runScan(c.Context(), f, buses, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().IntVar(&f.last, "last", 247, "the highest `unit` id to ask")
	c.Flags().DurationVar(&f.timeout, "timeout", 200*time.Millisecond, "how long to wait for each unit, a `time`")
	c.Flags().DurationVar(&f.budget, "time", 3*time.Minute, "the longest `time` for all of it")
	c.Flags().StringVar(&f.write, "write", "", "write what was found as a configuration to this new `file`")
	c.Flags().BoolVar(&f.json, "json", false, "each device as one JSON object on a line")
	f.via.flags(c)
	return c
}

// errNothing is a scan that heard nobody.
var errNothing = fmt.Errorf("nobody answered: %w", drivers.ErrOffline)

func runScan(ctx context.Context, f scanFlags, buses []string, out, errs io.Writer) error {
	if len(buses) == 0 {
		buses = scan.Ports()
		fmt.Fprintf(errs, "serial ports: %s\n", strings.Join(buses, ", "))
	}
	if len(buses) == 0 {
		return errors.New("this machine has no serial port; name a host to scan")
	}
	ledger := &ledger{out: out, errs: errs, json: f.json, terminal: isTerminal(errs)}
	found, err := scan.Run(ctx, scan.Config{
		Buses: buses, Last: f.last, Timeout: f.timeout, Budget: f.budget,
		Progress: ledger.progress, Found: ledger.found, Borrow: f.borrow,
	})
	ledger.progress("")
	fmt.Fprintf(errs, "%s found\n", count(len(found), "device", "devices"))
	switch {
	case len(found) == 0 && err == nil:
		return errNothing
	case f.write != "" && len(found) > 0:
		return errors.Join(err, keepFound(f.write, found))
	}
	return err
}

// borrow gets a bus that a running gateway has.
func (f *scanFlags) borrow(ctx context.Context, words string) (*modbus.Bus, string, error) {
	urls := brokersOf(defaultConfig)
	switch f.via.url {
	case "":
	case viaNone:
		return nil, "", errors.New("no gateway is to be asked")
	default:
		urls = []string{f.via.url}
	}
	bus, _, place, err := f.via.borrow(ctx, urls, words)
	return bus, place.Line, err
}

// keepFound writes a configuration to a file that was not there.
func keepFound(name string, found []scan.Found) error {
	text, err := scan.Site(found)
	if err != nil {
		return err
	}
	return keepText(name, text)
}

// ledger prints a scan as it goes: devices as they are found, and on a
// terminal one line with what is tried.
type ledger struct {
	out, errs io.Writer
	json      bool
	terminal  bool
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (l *ledger) progress(text string) {
	if l.terminal {
		fmt.Fprint(l.errs, "\r", text, clearLine, "\r")
	}
}

func (l *ledger) found(f scan.Found) {
	l.progress("")
	if l.json {
		_ = json.NewEncoder(l.out).Encode(f)
		return
	}
	fmt.Fprintf(l.out, "%s unit %d: %s\n", f.Bus, f.Unit, f.Answer)
	if f.Identity != "" {
		fmt.Fprintf(l.out, "  it says that it is %s\n", f.Identity)
	}
	if f.SunSpec != nil {
		fmt.Fprintf(l.out, "  SunSpec at holding %d: models %s\n", f.SunSpec.Base, strings.Trim(fmt.Sprint(f.SunSpec.Models), "[]"))
	}
	for _, g := range f.Guesses {
		fmt.Fprintf(l.out, "  %s, %s: %s\n", g.Profile, g.Model, strings.Join(evidence(g), ", "))
	}
	if len(f.Guesses) == 0 {
		fmt.Fprintln(l.out, "  no profile fits")
	}
}

// evidence is what speaks for a guess, and how much is not known.
func evidence(g scan.Guess) []string {
	var all []string
	if g.Named {
		all = append(all, "it says so itself")
	}
	all = append(all, g.Evidence...)
	all = append(all, fmt.Sprintf("%d of its %s", g.Good, count(g.Points, "point", "points")))
	if g.Zero > 0 {
		all = append(all, fmt.Sprintf("%d of them zero", g.Zero))
	}
	if g.Silent > 0 {
		all = append(all, fmt.Sprintf("%d not heard of", g.Silent))
	}
	return all
}
