package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"fieldmq/gateway/levels"
)

// logFlags are how much is logged, and in which form.
type logFlags struct{ level, format string }

func (l *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&l.level, "log-level", "info", "debug, info, warn or error; debug shows every exchange")
	c.Flags().StringVar(&l.format, "log-format", "text", "text or json")
}

// logger writes to w; without times where the journal adds its own.
func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	log, _, err := l.changeable(w)
	return log, err
}

// changeable is a logger whose levels can be changed later.
func (l *logFlags) changeable(w io.Writer) (*slog.Logger, *levels.Levels, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, nil, usage("--log-level: %q is none of debug, info, warn, error", l.level)
	}
	h, err := l.handler(w)
	if err != nil {
		return nil, nil, err
	}
	ls := levels.New(level)
	return slog.New(ls.Handler(h)), ls, nil
}

// handler writes whatever it is given.
func (l *logFlags) handler(w io.Writer) (slog.Handler, error) {
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	journal := inJournal(w)
	if journal {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	handler := func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	switch l.format {
	case "text":
	case "json":
		handler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	default:
		return nil, usage("--log-format: %q is neither text nor json", l.format)
	}
	if journal {
		return newJournal(w, handler), nil
	}
	return handler(w), nil
}
