package pins

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldmq/firmware-sim/faults"
)

var (
	biases = []string{"as-is", "disabled", "pull-up", "pull-down"}
	edges  = []string{"none", "rising", "falling", "both"}
)

// errRequest is the answer to what is not in the protocol.
var errRequest = errors.New("unknown request; there are info, input, output, get, release, pwm and duty")

// handle carries out one request and queues the answer while nothing else
// happens on the chip, so that edges come after it.
func (c *Chip) handle(who *client, text string) {
	if c.faults.Strikes(faults.Silence) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, err := c.request(who, strings.Fields(text))
	if err != nil {
		answer = "error " + err.Error() + "\n"
	}
	who.answer(answer)
}

func (c *Chip) request(who *client, words []string) (string, error) {
	if len(words) == 1 && words[0] == "info" {
		return c.info(), nil
	}
	if len(words) < 2 {
		return "", errRequest
	}
	switch words[0] {
	case "pwm":
		return c.pwm(words[1:])
	case "duty":
		return c.duty(words[1:])
	}
	l, err := c.take(who, words[1])
	if err != nil {
		return "", err
	}
	switch args := words[2:]; {
	case words[0] == "input" && len(args) == 2:
		return c.input(who, l, args[0], args[1])
	case words[0] == "output" && len(args) == 1:
		return c.output(who, l, args[0])
	case words[0] == "get" && len(args) == 0:
		return ok(c.level(l)), nil
	case words[0] == "release" && len(args) == 0:
		l.holder, l.edges = nil, "none"
		return ok(false), nil
	}
	return "", errRequest
}

// take finds a line that nobody else holds.
func (c *Chip) take(who *client, offset string) (*line, error) {
	n, err := strconv.ParseUint(offset, 10, 31)
	if err != nil || int(n) >= len(c.lines) {
		return nil, fmt.Errorf("there is no line %s", strconv.Quote(offset))
	}
	l := &c.lines[n]
	if l.holder != nil && l.holder != who {
		return nil, fmt.Errorf("line %d is in use", n)
	}
	return l, nil
}

func (c *Chip) info() string {
	var b strings.Builder
	fmt.Fprintf(&b, "chip %s %d\n", c.label, len(c.lines))
	for i, l := range c.lines {
		fmt.Fprintf(&b, "line %d %s\n", i, l.Name)
	}
	return b.String()
}

// input makes the line an input of the client. A level that changes because of
// that is no edge.
func (c *Chip) input(who *client, l *line, bias, edge string) (string, error) {
	if !slices.Contains(biases, bias) {
		return "", fmt.Errorf("a bias is %s", strings.Join(biases, ", "))
	}
	if !slices.Contains(edges, edge) {
		return "", fmt.Errorf("an edge is %s", strings.Join(edges, ", "))
	}
	l.holder, l.driven, l.bias, l.edges = who, false, bias, "none"
	c.settle(time.Now())
	l.edges = edge
	return ok(c.level(l)), nil
}

// output makes the line an output of the client.
func (c *Chip) output(who *client, l *line, level string) (string, error) {
	if level != "0" && level != "1" {
		return "", errors.New("a level is 0 or 1")
	}
	l.holder, l.driven, l.out, l.edges = who, true, level == "1", "none"
	c.settle(time.Now())
	return ok(l.out), nil
}

// releaseAll lets go of what a client held. Outputs keep their level.
func (c *Chip) releaseAll(who *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.lines {
		if l := &c.lines[i]; l.holder == who {
			l.holder, l.edges = nil, "none"
		}
	}
}

func ok(level bool) string {
	if level {
		return "ok 1\n"
	}
	return "ok 0\n"
}
