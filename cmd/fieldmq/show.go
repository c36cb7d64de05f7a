package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"fieldmq/broker/mqtt"
	"fieldmq/gateway"
)

// show is what the demo prints: a table that is drawn again and again on a
// terminal, else a line for each message.
type show struct {
	out, errs io.Writer
	json      bool
	terminal  *os.File // nil: lines
	gateway   *gateway.Gateway
	cloud     net.Addr // of the broker upstream
	began     time.Time

	mu       sync.Mutex
	notes    []string
	board    board
	messages int
}

func newShow(f demoFlags, out, errs io.Writer, g *gateway.Gateway, cloud net.Addr, notes []string) *show {
	s := &show{out: out, errs: errs, json: f.json, gateway: g, cloud: cloud, began: time.Now(), notes: notes}
	if file, ok := out.(*os.File); ok && !f.json && term.IsTerminal(int(file.Fd())) {
		s.terminal = file
	}
	return s
}

// run shows what the gateway publishes, until ctx ends.
func (s *show) run(ctx context.Context) error {
	if s.terminal == nil {
		fmt.Fprintln(s.errs, strings.Join(append(s.directions(), s.notes...), "\n"))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for m := range s.gateway.Server().Subscribe(ctx, "device/#") {
			if err := s.take(m); err != nil {
				return err
			}
		}
		return nil
	})
	if s.terminal != nil {
		group.Go(func() error { return s.draw(ctx) })
	}
	err := group.Wait()
	fmt.Fprintf(s.errs, "%d messages from %s in %v\n", s.messages,
		count(len(s.board.devices), "device", "devices"), time.Since(s.began).Round(100*time.Millisecond))
	return err
}

// take takes a message in, and prints it where no table is drawn.
func (s *show) take(m mqtt.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	s.board.take(m, time.Now())
	switch {
	case s.terminal != nil:
		return nil
	case s.json:
		return json.NewEncoder(s.out).Encode(map[string]any{"topic": m.Topic, "payload": string(m.Payload), "time": time.Now().UnixMilli()})
	}
	_, err := fmt.Fprintf(s.out, "%s %s\n", m.Topic, m.Payload)
	return err
}

// note shows a text for the person in front.
func (s *show) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal == nil {
		fmt.Fprintln(s.errs, text)
		return
	}
	s.notes = []string{text}
}

// directions say where to look and what to try.
func (s *show) directions() []string {
	var lines []string
	for _, text := range s.gateway.Pages() {
		lines = append(lines, "page     "+text)
	}
	for _, text := range s.gateway.URLs() {
		u, _ := url.Parse(text) // the gateway made it
		if u.Scheme == "mqtt" {
			lines = append(lines,
				fmt.Sprintf("watch    mosquitto_sub -h %s -p %s -v -t 'device/#'", u.Hostname(), u.Port()),
				fmt.Sprintf("write    mosquitto_pub -h %s -p %s -t device/boiler/setpoint/set -m 60", u.Hostname(), u.Port()),
				fmt.Sprintf("break    mosquitto_pub -h %s -p %s -t %s -m 'meter silence for 20s'", u.Hostname(), u.Port(), faultTopic))
			continue
		}
		lines = append(lines, "socket   "+text)
	}
	host, port, _ := net.SplitHostPort(s.cloud.String())
	return append(lines, fmt.Sprintf("cloud    mosquitto_sub -h %s -p %s -v -t 'demo/#'", host, port))
}

// breakable are the simulated devices by the keys that break them.
var breakable = []string{"meter", "boiler", "plc", "scale", "pins"}

// pressed is the fault that a key stands for.
func (s *show) pressed(key byte) string {
	if n := int(key - '1'); n >= 0 && n < len(breakable) {
		return breakable[n] + " silence"
	}
	switch {
	case key == '0':
		return allBack
	case int(key-'1') == len(breakable):
		return cloudAway
	}
	return ""
}

// drawEvery is how often the table is drawn.
const drawEvery = 250 * time.Millisecond

// Control sequences of terminals (ECMA-48).
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	home       = "\x1b[H"
	clearDown  = "\x1b[J"
	clearLine  = "\x1b[K"
	clearAll   = "\x1b[2J"
)

func (s *show) draw(ctx context.Context) error {
	fmt.Fprint(s.out, hideCursor, clearAll)
	defer fmt.Fprint(s.out, showCursor, "\r\n")
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(s.out, s.screen(time.Now())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// screen is all that stands on the terminal.
func (s *show) screen(now time.Time) string {
	width, height, err := term.GetSize(int(s.terminal.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	head := append([]string{"fieldmq demo, " + now.Sub(s.began).Round(time.Second).String(), ""}, s.directions()...)
	head = append(head, fmt.Sprintf("keys     1-%d silence %s, cloud; 0 all well; Ctrl-C ends", len(breakable)+1, strings.Join(breakable, ", ")))
	head = append(append(head, s.notes...), "")
	return layOut(head, &s.board, width, height, now, colors())
}

// colors says whether the person wants them (https://no-color.org).
func colors() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
