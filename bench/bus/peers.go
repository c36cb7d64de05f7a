package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	goburrow "github.com/goburrow/modbus"
)

//go:embed libmodbus.py
var script string

// libmodbus reads blocks of all units in turn, with Debian's library, and
// returns how many reads a second were answered.
func libmodbus(ctx context.Context, port string, baud, units int, blocks []block, span time.Duration) (float64, error) {
	var plan [][2]int
	for _, b := range blocks {
		plan = append(plan, [2]int{b.first, b.count})
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", script,
		port, fmt.Sprint(baud), fmt.Sprint(units), string(text), fmt.Sprint(span.Seconds())).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return 0, fmt.Errorf("libmodbus (install python3 and libmodbus5): %s", failed.Stderr)
	}
	if err != nil {
		return 0, err
	}
	var n float64
	_, err = fmt.Sscan(string(out), &n)
	return n, err
}

// plainRTU reads blocks with goburrow's own handler, as its users do.
func plainRTU(port string, baud, units int, blocks []block, span time.Duration) (float64, error) {
	h := goburrow.NewRTUClientHandler(port)
	h.BaudRate, h.DataBits, h.Parity, h.StopBits, h.Timeout = baud, 8, "N", 1, time.Second
	if err := h.Connect(); err != nil {
		return 0, err
	}
	defer h.Close()
	return inTurn(goburrow.NewClient(h), func(unit byte) { h.SlaveId = unit }, units, blocks, 0, span), nil
}

// plainTCP is plainRTU for one device on TCP.
func plainTCP(address string, blocks []block, every, span time.Duration) (float64, error) {
	h := goburrow.NewTCPClientHandler(address)
	h.SlaveId, h.Timeout = 1, 5*time.Second
	if err := h.Connect(); err != nil {
		return 0, err
	}
	defer h.Close()
	return inTurn(goburrow.NewClient(h), func(byte) {}, 1, blocks, every, span), nil
}

// inTurn reads the blocks of all units again and again, at once or so often, and
// returns how many reads a second were answered.
func inTurn(client goburrow.Client, to func(unit byte), units int, blocks []block, every, span time.Duration) float64 {
	answered := 0
	began := time.Now()
	for due := began.Add(every); ; due = due.Add(every) {
		for unit := 1; unit <= units; unit++ {
			to(byte(unit))
			for _, b := range blocks {
				if _, err := client.ReadHoldingRegisters(uint16(b.first), uint16(b.count)); err == nil {
					answered++
				}
				if took := time.Since(began); took > span {
					return float64(answered) / took.Seconds()
				}
			}
		}
		if every > 0 {
			time.Sleep(time.Until(due))
		}
	}
}

// single are the reads of floats one by one.
func single(floats []int) []block {
	var blocks []block
	for _, f := range floats {
		blocks = append(blocks, block{f, 2})
	}
	return blocks
}
