package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"fieldmq/firmware-sim/cable"
	"fieldmq/firmware-sim/faults"
	"fieldmq/firmware-sim/modbus"
)

// world is what the other process simulates.
type world struct {
	Units int           // on one line, or behind each address
	TCP   int           // so many addresses; zero: a line
	Trip  time.Duration // of the network
	Fault string        // of all units, or of the last one where it is "dead"
}

// places is where its devices are.
type places struct {
	Ports []string
}

// verdict is what it says at its end.
type verdict struct {
	Requests int
	Short    int     // silences between frames that were too short
	Late     float64 // part of the time that the simulated line itself was late
}

// registers is a device whose registers tell their number.
type registers struct{}

func (registers) Read(_ modbus.Table, address uint16, values []uint16) error {
	for i := range values {
		values[i] = address + uint16(i)
	}
	return nil
}

func (registers) Write(modbus.Table, uint16, []uint16) error { return nil }

// serveWorld simulates until its input ends.
func serveWorld(ctx context.Context, text string) error {
	var w world
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := w.server()
	if err != nil {
		return err
	}
	var ended sync.WaitGroup
	var at places
	var watched *watchedLine
	if w.TCP == 0 {
		c, err := cable.Open("")
		if err != nil {
			return err
		}
		watched = &watchedLine{Cable: c}
		at.Ports = append(at.Ports, c.Port())
		ended.Go(func() { _ = server.ServeRTU(ctx, watched) })
	}
	for range w.TCP {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		at.Ports = append(at.Ports, l.Addr().String())
		ended.Go(func() { _ = server.ServeTCP(ctx, distant{l, w.Trip}) })
	}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // its end is the signal
	cancel()
	ended.Wait()
	var v verdict
	if watched != nil {
		v = watched.verdict()
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

func (w *world) server() (*modbus.Server, error) {
	board := faults.NewBoard(7)
	var units []modbus.Unit
	for id := 1; id <= w.Units; id++ {
		name := fmt.Sprint("u", id)
		units = append(units, modbus.Unit{ID: byte(id), Device: registers{}, Faults: board.Add(name, "b", faults.Kinds()...)})
	}
	switch w.Fault {
	case "":
	case "dead":
		if err := board.Apply(fmt.Sprintf("u%d silence", w.Units)); err != nil {
			return nil, err
		}
	default:
		if err := board.Apply("b " + w.Fault); err != nil {
			return nil, err
		}
	}
	return modbus.NewServer(units...)
}

// watchedLine measures the silence before each request.
type watchedLine struct {
	*cable.Cable
	mu          sync.Mutex
	first, last time.Time // request
	v           verdict
}

// ReadBurst knows when a request began: its characters and the silence behind it
// have passed since.
func (l *watchedLine) ReadBurst(p []byte, gap func(time.Duration) time.Duration) (int, error) {
	var one, silence time.Duration
	n, err := l.Cable.ReadBurst(p, func(char time.Duration) time.Duration {
		one, silence = char, gap(char)
		return silence
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v.Requests++
	l.last = time.Now()
	if l.first.IsZero() {
		l.first = l.last
	}
	began := l.last.Add(-silence - time.Duration(n)*one)
	if sent := l.Sent(); !sent.IsZero() && began.Sub(sent) < silence {
		l.v.Short++
	}
	return n, err
}

func (l *watchedLine) verdict() verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v.Late = l.Late().Seconds() / l.last.Sub(l.first).Seconds()
	return l.v
}

// running is a world in another process.
type running struct {
	places
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *json.Decoder
}

func start(w world) (*running, error) {
	text, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve", string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &running{cmd: cmd, in: in, out: json.NewDecoder(out)}
	if err := r.out.Decode(&r.places); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *running) stop() (verdict, error) {
	var v verdict
	if err := r.in.Close(); err != nil {
		return v, err
	}
	if err := r.out.Decode(&v); err != nil {
		return v, err
	}
	return v, r.cmd.Wait()
}
