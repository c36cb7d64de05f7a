package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fieldmq/configs"
	"fieldmq/drivers"
	serialline "fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway/probe"
	"fieldmq/gateway/scan"
	"fieldmq/gateway/sniff"
	"fieldmq/gateway/traffic"
)

// sniffFlags are the flags of sniff.
type sniffFlags struct {
	file, record, write string
	span                span
	listen              time.Duration
	json, quiet         bool
}

func sniffCommand() *cobra.Command {
	var f sniffFlags
	c := &cobra.Command{
		Use:   "sniff [line]",
		Short: "Listen to another master's Modbus RTU traffic, and learn from it",
		Long: `Sniff listens on a serial line where another master speaks with its devices,
without sending a bit: connect an adapter's A and B in parallel and leave its
transmitter alone. It shows each request with its answer, and in the end which
units there are, which registers are read and how often. --write makes a
configuration of that, with profiles where the values fit one.

The line is written as one would say it; without a speed all likely ones are
tried until frames come out right:

  "/dev/ttyUSB0 19200 8E1"

A line that the gateway itself masters cannot be sniffed at: record it, and give
the recording to --file.

Exit codes: 0 something was overheard, 4 nothing, 1 failed, 2 wrong command line.`,
		Example: `  fieldmq sniff /dev/ttyUSB0 --for 1m --write site.yaml
  fieldmq sniff "/dev/ttyUSB0 9600 8N1" --record line.traffic
  fieldmq sniff --file night.traffic | grep 'unit 7'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (f.file != "") {
				return usage("name a line, or a recording with --file")
			}
			if f.listen <= 0 {
				return usage("--listen is to be above zero")
			}
			return runSniff(c.Context(), f, strings.Join(args, " "), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.file, "file", "", "take a `recording` apart instead of listening")
	c.Flags().StringVar(&f.record, "record", "", "write all bytes to this new `file` too")
	c.Flags().StringVar(&f.write, "write", "", "write what was learned as a configuration to this new `file`")
	f.span.flag(c, "1m")
	c.Flags().DurationVar(&f.listen, "listen", 4*time.Second, "how long to listen at each speed, a `time`")
	c.Flags().BoolVar(&f.json, "json", false, "each exchange as one JSON object on a line")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "only the summary")
	return c
}

// errUnheard is a line on which nothing was understood.
var errUnheard = fmt.Errorf("no Modbus RTU frame was overheard: %w", drivers.ErrOffline)

func runSniff(ctx context.Context, f sniffFlags, words string, out, errs io.Writer) error {
	ledger := sniff.NewLedger()
	var failed error
	decoder := sniff.New(func(e sniff.Event) {
		ledger.Take(e)
		failed = errors.Join(failed, f.show(out, &e))
	})
	var line string
	var err error
	if f.file != "" {
		line, err = f.decode(decoder)
	} else {
		line, err = f.overhear(ctx, words, decoder, errs)
	}
	decoder.Flush()
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if err := summarize(errs, ledger); err != nil {
		return err
	}
	if decoder.Frames() == 0 {
		return errUnheard
	}
	if f.write != "" {
		return keepText(f.write, learned(ctx, ledger, line))
	}
	return nil
}

// decode takes a recording apart, and returns the line that it was made of.
func (f *sniffFlags) decode(d *sniff.Decoder) (string, error) {
	r, err := readRecording(f.file)
	if err != nil {
		return "", err
	}
	line := "/dev/ttyUSB0"
	for _, b := range r.Buses {
		if b.Driver == modbus.RTU.Name {
			line = b.Place
		}
	}
	for _, l := range r.Lines {
		if len(l.Bytes) > 0 {
			d.Feed(l.Bytes, l.At)
		}
	}
	return line, nil
}

// overhear listens until ctx ends or its time is over, and returns the line with
// its speed.
func (f *sniffFlags) overhear(ctx context.Context, words string, d *sniff.Decoder, errs io.Writer) (string, error) {
	ctx, cancel := f.span.within(ctx)
	defer cancel()
	lines, err := scan.Lines(words)
	if err != nil {
		return "", usage("%v", err)
	}
	keep, end, err := f.keeper(lines[0])
	if err != nil {
		return "", err
	}
	defer end()
	for i := 0; ctx.Err() == nil; i++ {
		line := lines[i%len(lines)]
		trial := ctx
		if len(lines) > 1 {
			fmt.Fprintf(errs, "listening at %s\n", line)
			var cancel context.CancelFunc
			trial, cancel = context.WithTimeout(ctx, f.listen)
			defer cancel()
		}
		fed := 0
		err := hear(trial, ctx, line, func(b []byte, at time.Time) bool {
			keep(b, at)
			d.Feed(b, at)
			fed += len(b)
			return d.Frames() >= 2 // that is no coincidence: the speed is right
		})
		if err != nil || d.Frames() >= 2 {
			return line, err
		}
	}
	return lines[0], nil
}

// hear listens on a line until trial ends, or where take says that it is the
// right one until ctx does.
func hear(trial, ctx context.Context, words string, take func([]byte, time.Time) bool) error {
	settings, err := lineSettings(words)
	if err != nil {
		return usage("%v", err)
	}
	l, err := serialline.Open(ctx, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer l.Close()
	buffer := make([]byte, 4096)
	for right := false; ctx.Err() == nil && (right || trial.Err() == nil); {
		l.SetReadTimeout(50 * time.Millisecond)
		n, err := l.Read(buffer)
		if err != nil {
			return err
		}
		right = take(buffer[:n], time.Now()) || right
	}
	return nil
}

// lineSettings are those of a line in words.
func lineSettings(words string) (serialline.Settings, error) {
	config, err := probe.Words{Bus: words, Unit: 1, Table: "holding", First: "0", Count: 1}.Site()
	if err != nil {
		return serialline.Settings{}, err
	}
	s, ok := config.Buses[0].Settings.(*modbus.RTUSettings)
	if !ok {
		return serialline.Settings{}, fmt.Errorf("%s is no serial line such as /dev/ttyUSB0", words)
	}
	return s.Settings, nil
}

// keeper writes what was heard to a file, where one is wanted.
func (f *sniffFlags) keeper(line string) (keep func([]byte, time.Time), end func(), err error) {
	if f.record == "" {
		return func([]byte, time.Time) {}, func() {}, nil
	}
	file, err := os.OpenFile(f.record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(file, "%s\n%v\n", traffic.Title, traffic.Bus{Name: "line", Driver: modbus.RTU.Name, Place: line})
	return func(b []byte, at time.Time) {
		if len(b) > 0 {
			fmt.Fprintln(file, traffic.Line{Bus: "line", Traffic: drivers.Traffic{At: at, Bytes: b}})
		}
	}, func() { file.Close() }, nil
}

// show prints an event.
func (f *sniffFlags) show(out io.Writer, e *sniff.Event) error {
	if f.quiet {
		return nil
	}
	if !f.json {
		_, err := fmt.Fprintf(out, "%s %v\n", e.At.Format("15:04:05.000000"), e)
		return err
	}
	object := map[string]any{"time": e.At.UTC(), "text": e.String()}
	switch {
	case e.Noise != nil:
		object["noise"] = fmt.Sprintf("%X", e.Noise)
	default:
		object["unit"], object["function"] = e.Unit, e.Request.Function
		object["request"], object["answer"] = fmt.Sprintf("%X", e.Request.Data), fmt.Sprintf("%X", e.Answer)
		object["took_us"] = e.Took.Microseconds()
	}
	return json.NewEncoder(out).Encode(object)
}

// summarize prints what is known of the units.
func summarize(errs io.Writer, ledger *sniff.Ledger) error {
	table := tabwriter.NewWriter(errs, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "unit\tasked\tanswered\tdeclined\tsilent\tanswer after\tregisters")
	for _, u := range ledger.Units() {
		took := "-"
		if n := u.Answered + u.Declined; n > 0 {
			took = fmt.Sprintf("%.1f ms", float64(u.Took.Microseconds())/1000/float64(n))
		}
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%d\t%s\t%s\n", u.ID, u.Asked, u.Answered, u.Declined, u.Unanswered, took, strings.Join(u.Spans(), ", "))
	}
	if n := ledger.Noise(); n > 0 {
		fmt.Fprintf(table, "%d bytes were no frame\n", n)
	}
	return table.Flush()
}

// learned is the site of a line that was overheard.
func learned(ctx context.Context, ledger *sniff.Ledger, line string) string {
	var b strings.Builder
	b.WriteString("# Written by fieldmq sniff. A line has one master: connect this gateway in place of the other.\n")
	fmt.Fprintf(&b, "buses:\n  line: %s\ndevices:\n", scan.Section(line))
	for _, u := range ledger.Units() {
		if u.Answered == 0 || u.ID == 0 {
			continue
		}
		profile := ""
		if guesses := scan.Guesses(ctx, u.Bus(), "/dev/ttyUSB0", int(u.ID)); len(guesses) > 0 {
			profile = guesses[0].Profile
		}
		fmt.Fprintf(&b, "  unit-%d:\n%s", u.ID, u.Device("line", profile))
	}
	return b.String()
}

// keepText writes a configuration to a file that was not there.
func keepText(name, text string) error {
	if faults := configs.Parse(name, []byte(text), nil).Faults(); len(faults) > 0 {
		return faults
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	return errors.Join(err, file.Close())
}
