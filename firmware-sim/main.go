// Firmware-sim runs a plant of simulated devices: an energy meter and a boiler
// on one Modbus RTU bus, a PLC on Modbus TCP, a scale on a serial line and a
// GPIO chip. It says where they answer and breaks them as its input says.
//
//	go run ./firmware-sim --fault "meter late 800ms 30%"
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/plant"
)

// Exit codes.
const (
	exitDone  = 0
	exitFail  = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// settings are what the command line says.
type settings struct {
	plant  plant.Options
	faults []string
	span   time.Duration
}

func run(ctx context.Context, args []string, in io.Reader, out, complaints io.Writer) int {
	s, err := parse(args, complaints)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		return exitUsage // parse has said why
	}
	if err := simulate(ctx, s, in, &shared{to: out}); err != nil {
		fmt.Fprintln(complaints, "firmware-sim:", err)
		return exitFail
	}
	return exitDone
}

func parse(args []string, complaints io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("firmware-sim", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.StringVar(&s.plant.Dir, "dir", "", "`folder` for links to the ports and the socket (default a temporary one)")
	flags.StringVar(&s.plant.TCPAddress, "tcp", "127.0.0.1:0", "`address` where the PLC listens; port 0 takes a free one")
	flags.Uint64Var(&s.plant.Seed, "seed", 1, "`number` that decides all values")
	flags.Float64Var(&s.plant.Speed, "speed", plant.DefaultSpeed, "`factor` by which time is faster for the devices")
	flags.DurationVar(&s.span, "for", 0, "`span` after which to stop, such as 10s")
	flags.Func("fault", "a `fault` from the start, such as \"meter silence\"; may be given again", func(text string) error {
		s.faults = append(s.faults, text)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complaints, "firmware-sim takes no %q, only flags; see --help\n", flags.Arg(0))
		return s, errors.New("usage")
	}
	return s, nil
}

func simulate(ctx context.Context, s settings, in io.Reader, out io.Writer) error {
	p, err := plant.New(s.plant)
	if err != nil {
		return err
	}
	for _, text := range s.faults {
		if err := p.Fault(text); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	if s.span > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.span)
		defer cancel()
	}
	introduce(p, out)
	// A read from a terminal cannot be called off: this goroutine, alone of
	// all, ends with the process or its input.
	go command(p, in, out)
	return p.Run(ctx)
}

func introduce(p *plant.Plant, out io.Writer) {
	devices := map[string]string{
		plant.DemoRTU:    "meter (unit 1) and boiler (unit 2), Modbus RTU, any speed",
		plant.DemoTCP:    "plc (unit 1), Modbus TCP",
		plant.DemoSerial: "scale, lines of text, any speed",
		plant.DemoGPIO:   "pins, GPIO0 to GPIO27",
	}
	for _, port := range p.Ports() {
		fmt.Fprintf(out, "%-7s %s  %s\n", port.Bus, port.Port, devices[port.Bus])
	}
	fmt.Fprint(out, "Type a device and a fault, such as \"meter late 800ms 30%\"; \"meter ok\", \"all ok\", \"list\", \"help\".\n")
}

// command does what the lines of the input say.
func command(p *plant.Plant, in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch text := strings.TrimSpace(lines.Text()); text {
		case "":
		case "list":
			fmt.Fprintln(out, strings.Join(append(p.Faults(), "That is all."), "\n"))
		case "help":
			fmt.Fprintf(out, "<device> <fault> [30%%] [for 20s], where a fault is one of %v; late and slow take a time, exception a code.\n", faults.Kinds())
		default:
			if err := p.Fault(text); err != nil {
				fmt.Fprintln(out, err)
			}
		}
	}
}

// shared lets two goroutines write whole lines.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(b)
}
