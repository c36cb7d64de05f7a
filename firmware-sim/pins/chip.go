package pins

import (
	"fmt"
	"sync"
	"time"

	"fieldmq/firmware-sim/faults"
)

// Chip is the chip. Drive and Level may be called at any time.
type Chip struct {
	label  string
	faults *faults.Source

	mu     sync.Mutex
	lines  []line
	duties map[string]float64 // in percent, of PWM outputs by chip and channel
}

// line is the state of one line.
type line struct {
	Line
	loop   int    // offset of the other end of a Loop, else -1
	world  bool   // what the wiring makes of it: high, or a contact that is open
	wired  bool   // world counts
	driven bool   // it is an output
	out    bool   // the level of an output
	bias   string // of an input
	edges  string // those that the holder wants
	last   bool   // the level when edges were last looked for
	holder *client

	flips time.Duration // when the wiring moves next, since the start
}

// New returns a chip. It fails for lines without a name of their own, without
// a needed period, and for loops to nowhere.
func New(config Config) (*Chip, error) {
	c := &Chip{label: config.Label, faults: config.Faults, duties: make(map[string]float64)}
	offsets := make(map[string]int)
	for i, l := range config.Lines {
		if _, twice := offsets[l.Name]; twice || l.Name == "" {
			return nil, fmt.Errorf("line %d needs a name of its own", i)
		}
		offsets[l.Name] = i
		if l.moves() && l.Period < minPeriod {
			return nil, fmt.Errorf("line %s needs a period of at least %v", l.Name, minPeriod)
		}
		c.lines = append(c.lines, line{Line: l, loop: -1, wired: l.moves(), bias: "as-is", edges: "none", flips: l.Period / 2})
	}
	for i := range c.lines {
		l := &c.lines[i]
		if l.Wiring != Loop {
			continue
		}
		to, ok := offsets[l.To]
		if !ok || c.lines[to].Wiring == Loop {
			return nil, fmt.Errorf("line %s cannot be connected with %q", l.Name, l.To)
		}
		l.loop = to
	}
	return c, nil
}

// Drive puts a level on a line from outside, as a hand on a contact would,
// until the line's own wiring moves again. Outputs do not care.
func (c *Chip) Drive(name string, level bool) error {
	l, err := c.find(name)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l.world, l.wired = level, true
	c.settle(time.Now())
	return nil
}

// Level is the level of a line as a client would read it.
func (c *Chip) Level(name string) (bool, error) {
	l, err := c.find(name)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.level(l), nil
}

func (c *Chip) find(name string) (*line, error) {
	for i := range c.lines {
		if c.lines[i].Name == name {
			return &c.lines[i], nil
		}
	}
	return nil, fmt.Errorf("there is no line %q", name)
}

// level is the level of a line. The caller holds mu.
func (c *Chip) level(l *line) bool {
	switch {
	case l.driven:
		return l.out
	case l.loop >= 0:
		return c.level(&c.lines[l.loop])
	case l.Wiring == Contact:
		// An open contact leaves the level to the pull-up, which the wiring
		// has if nobody asked for another bias.
		return l.world && l.bias != "pull-down"
	case l.wired:
		return l.world
	}
	return l.bias == "pull-up"
}

// settle sends edges to those who want them. The caller holds mu.
func (c *Chip) settle(at time.Time) {
	for i := range c.lines {
		l := &c.lines[i]
		level := c.level(l)
		if level == l.last {
			continue
		}
		l.last = level
		edge := "falling"
		if level {
			edge = "rising"
		}
		if l.holder != nil && !l.driven && (l.edges == edge || l.edges == "both") && !c.faults.Strikes(faults.Silence) {
			l.holder.tell(fmt.Sprintf("edge %d %s %d\n", i, edge, at.UnixNano()))
		}
	}
}
