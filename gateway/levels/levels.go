// Package levels decides how much is logged, for each part of the program by
// itself, and changes that while it runs. It stands before the handler that
// writes the log, and knows the parts by the attributes that their loggers
// carry: client=meter-7, bus=panel, upstream=cloud, part=broker.
package levels

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Levels are the levels of one program's log. All methods may be called from
// many goroutines, and of nil, which changes nothing.
type Levels struct {
	now atomic.Pointer[table]

	mu     sync.Mutex
	base   slog.Level
	rules  []Rule   // of the configuration
	raised []Raised // for a while, the newest last
}

// Raised is a level that holds until a time.
type Raised struct {
	Rule
	Until time.Time
}

// mostRaised is how many levels may be raised at a time.
const mostRaised = 100

// table is what holds until something changes, or a raised level is over.
type table struct {
	base  slog.Level
	rules []Rule
	until time.Time // zero: for good
}

// New are levels of which only the base is set.
func New(base slog.Level) *Levels {
	l := &Levels{base: base}
	l.settle(time.Now())
	return l
}

// Set takes what a configuration says. An empty level leaves the base as it is.
func (l *Levels) Set(c *Config) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Level != "" {
		l.base = level(c.Level)
	}
	l.rules = c.Rules
	l.settle(time.Now())
}

// Raise lets a rule hold until a time, before all others. One for the same is
// over then. It fails if there are too many.
func (l *Levels) Raise(r Raised) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(r.For)
	if len(l.raised) >= mostRaised {
		return false
	}
	l.raised = append(l.raised, r)
	l.settle(time.Now())
	return true
}

// Drop ends what Raise has begun.
func (l *Levels) Drop(what string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(what)
	l.settle(time.Now())
}

// drop needs the lock.
func (l *Levels) drop(what string) {
	l.raised = slices.DeleteFunc(l.raised, func(r Raised) bool { return r.For == what })
}

// Raised are the levels that hold for a while.
func (l *Levels) Raised() []Raised {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(time.Now())
	return slices.Clone(l.raised)
}

// settle makes the table anew. The lock is held.
func (l *Levels) settle(now time.Time) {
	t := &table{base: l.base, rules: slices.Clone(l.rules)}
	l.raised = slices.DeleteFunc(l.raised, func(r Raised) bool { return !r.Until.After(now) })
	for _, r := range l.raised {
		t.rules = append(t.rules, r.Rule)
		if t.until.IsZero() || r.Until.Before(t.until) {
			t.until = r.Until
		}
	}
	l.now.Store(t)
}

// current is the table of this moment.
func (l *Levels) current() *table {
	t := l.now.Load()
	if t.until.IsZero() || time.Now().Before(t.until) {
		return t
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(time.Now())
	return l.now.Load()
}

// level is that of a logger with these attributes: the last rule that fits its
// last attribute, or the one before that, and so on.
func (t *table) level(attrs []slog.Attr) slog.Level {
	for _, a := range slices.Backward(attrs) {
		for _, r := range slices.Backward(t.rules) {
			if r.fits(a.Key, a.Value.String()) {
				return level(r.Level)
			}
		}
	}
	return t.base
}

func (r Rule) fits(key, value string) bool {
	name, wanted, _ := strings.Cut(r.For, "=")
	if start, cut := strings.CutSuffix(wanted, "*"); cut {
		return name == key && strings.HasPrefix(value, start)
	}
	return name == key && wanted == value
}

// Handler hands on to next what the levels let pass.
func (l *Levels) Handler(next slog.Handler) slog.Handler { return &handler{levels: l, next: next} }

type handler struct {
	levels *Levels
	next   slog.Handler
	attrs  []slog.Attr
	group  bool // what follows is no name of a part
	seen   atomic.Pointer[seen]
}

// seen is the level that a table gives the handler.
type seen struct {
	table *table
	level slog.Level
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	t := h.levels.current()
	s := h.seen.Load()
	if s == nil || s.table != t {
		s = &seen{t, t.level(h.attrs)}
		h.seen.Store(s)
	}
	return l >= s.level
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error { return h.next.Handle(ctx, r) }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := &handler{levels: h.levels, next: h.next.WithAttrs(attrs), attrs: h.attrs, group: h.group}
	if !h.group {
		n.attrs = append(slices.Clip(h.attrs), attrs...)
	}
	return n
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{levels: h.levels, next: h.next.WithGroup(name), attrs: h.attrs, group: true}
}
