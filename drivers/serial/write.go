package serial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldmq/drivers"
)

// Write sends the commands one after another. With expect it waits until the
// device agrees to each; without, it cannot know.
func (b *bus) Write(ctx context.Context, commands []drivers.Command) error {
	for _, c := range commands {
		if err := b.write(ctx, c); err != nil {
			return fmt.Errorf("write %v: %w", c.Point, err)
		}
	}
	return nil
}

func (b *bus) write(ctx context.Context, c drivers.Command) error {
	s, err := b.source(c.Point)
	if err != nil {
		return err
	}
	if !s.Writable() {
		return fmt.Errorf("%w: the point has no command", drivers.ErrRefused)
	}
	command, err := s.template.command(s.Address, c.Value)
	if err != nil {
		return err
	}
	return b.send(ctx, s, command)
}

// send sends a command and waits for what is expected.
func (b *bus) send(ctx context.Context, s *source, command []byte) error {
	if s.expect == nil {
		return b.sendOnly(ctx, s, command)
	}
	x := newExchange(func(frame []byte, _ time.Time) (taken, complete bool) {
		agreed := s.expect.Match(frame)
		return agreed, agreed
	})
	err := b.do(ctx, s.Address, command, x)
	if errors.Is(err, drivers.ErrOffline) && x.other != "" {
		return fmt.Errorf("%w: the answer is %s", drivers.ErrRefused, x.other)
	}
	if errors.Is(err, drivers.ErrOffline) {
		return fmt.Errorf("%w: %w", err, drivers.ErrUnsure)
	}
	return err
}

func (b *bus) sendOnly(ctx context.Context, s *source, command []byte) error {
	if err := b.waitForRest(ctx); err != nil {
		return err
	}
	if _, err := b.line.Write(command); err != nil {
		return err
	}
	b.rest = time.Now().Add(time.Duration(len(command))*b.settings.Char() + s.pause())
	return nil
}
