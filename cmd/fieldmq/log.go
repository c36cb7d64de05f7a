package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
)

// logFlags are how much is logged, and in which form.
type logFlags struct{ level, format string }

func (l *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&l.level, "log-level", "info", "debug, info, warn or error; debug shows every exchange")
	c.Flags().StringVar(&l.format, "log-format", "text", "text or json")
}

// logger writes to w; without times where the journal adds its own.
func (l *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	options := &slog.HandlerOptions{}
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.level)); err != nil {
		return nil, usage("--log-level: %q is none of debug, info, warn, error", l.level)
	}
	options.Level = level
	if os.Getenv("JOURNAL_STREAM") != "" {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	switch l.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usage("--log-format: %q is neither text nor json", l.format)
}
