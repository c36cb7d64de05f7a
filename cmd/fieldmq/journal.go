package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// inJournal says whether what is written to w goes to the journal of systemd,
// which has times of its own. The variable alone does not tell: children that
// write elsewhere inherit it.
func inJournal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// journal begins each line with its priority, as sd-daemon(3) wants it, so that
// `journalctl -p warning` finds what it should. It has a handler for each.
type journal struct {
	debug, info, warn, err slog.Handler
}

// newJournal makes handlers for lines that go to w.
func newJournal(w io.Writer, handler func(io.Writer) slog.Handler) *journal {
	at := func(priority string) slog.Handler { return handler(&prefixed{w, priority}) }
	return &journal{debug: at("<7>"), info: at("<6>"), warn: at("<4>"), err: at("<3>")}
}

// prefixed writes something before each line that it is given.
type prefixed struct {
	io.Writer
	prefix string
}

// Write implements io.Writer. Handlers write a line at a time.
func (p *prefixed) Write(line []byte) (int, error) {
	n, err := p.Writer.Write(append([]byte(p.prefix), line...))
	return max(0, n-len(p.prefix)), err
}

func (j *journal) at(level slog.Level) slog.Handler {
	switch {
	case level >= slog.LevelError:
		return j.err
	case level >= slog.LevelWarn:
		return j.warn
	case level >= slog.LevelInfo:
		return j.info
	}
	return j.debug
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(ctx context.Context, level slog.Level) bool {
	return j.at(level).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	return j.at(r.Level).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return j.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return j.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (j *journal) each(f func(slog.Handler) slog.Handler) *journal {
	return &journal{debug: f(j.debug), info: f(j.info), warn: f(j.warn), err: f(j.err)}
}
