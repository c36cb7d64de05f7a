package main

import (
	"context"

	"github.com/spf13/cobra"

	"fieldmq/configs"
)

// span is how long a command is to go on; zero: until it is told to stop. It is
// written as spans are in a site's file.
type span struct{ configs.Duration }

// flag gives a command --for.
func (s *span) flag(c *cobra.Command, example string) {
	const name = "for"
	c.Flags().TextVar(&s.Duration, name, configs.Duration(0), "stop after this `time`, such as "+example)
	c.Flags().Lookup(name).DefValue = ""
}

// within ends when the span has passed, or with ctx.
func (s *span) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Duration == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.D())
}
