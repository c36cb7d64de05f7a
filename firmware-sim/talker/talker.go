// Package talker simulates devices on a serial line that send messages of
// their own accord or when asked: scales, display panels, weather stations.
package talker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fieldmq/firmware-sim/faults"
)

// Message is one that the device sends, by itself or when asked.
type Message struct {
	// Text returns the bytes to send, line end and all, when so much time
	// has passed since the start.
	Text    func(elapsed time.Duration) []byte
	Every   time.Duration // how often it comes unasked; zero: only when asked
	Request []byte        // the bytes that ask for it; nil: nothing does
}

// Talker is a device that speaks by itself and answers requests.
type Talker struct {
	Messages []Message
	Faults   *faults.Source // may be nil
}

// maxRequest bounds what is kept of a request that does not come to an end.
const maxRequest = 256

// Serve talks on a line until ctx ends, which is no error, or the line fails.
// It closes the line.
func (t *Talker) Serve(ctx context.Context, line io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	start := time.Now()
	for _, m := range t.Messages {
		if m.Every > 0 {
			wait.Go(func() { cancel(t.repeat(ctx, line, m, start)) })
		}
	}
	wait.Go(func() { cancel(t.listen(ctx, line, start)) })
	<-ctx.Done()
	line.Close() // ends reads and writes
	wait.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// repeat sends the message again and again.
func (t *Talker) repeat(ctx context.Context, line io.Writer, m Message, start time.Time) error {
	tick := time.NewTicker(m.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := t.send(ctx, line, m.Text(time.Since(start))); err != nil {
			return err
		}
	}
}

// listen answers requests. They are recognised by their end, so what precedes
// them does no harm.
func (t *Talker) listen(ctx context.Context, line io.ReadWriter, start time.Time) error {
	var heard []byte
	buffer := make([]byte, maxRequest)
	for {
		n, err := line.Read(buffer)
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		for _, b := range buffer[:n] {
			heard = append(heard, b)
			if m, ok := t.asked(heard); ok {
				heard = nil
				if err := t.send(ctx, line, m.Text(time.Since(start))); err != nil {
					return err
				}
			}
		}
		heard = heard[max(0, len(heard)-maxRequest):]
	}
}

func (t *Talker) asked(heard []byte) (Message, bool) {
	for _, m := range t.Messages {
		if len(m.Request) > 0 && bytes.HasSuffix(heard, m.Request) {
			return m, true
		}
	}
	return Message{}, false
}

func (t *Talker) send(ctx context.Context, line io.Writer, text []byte) error {
	e := t.Faults.Draw()
	if e.Silent {
		return nil
	}
	if e.Delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(e.Delay):
		}
	}
	if _, err := line.Write(e.Damage(bytes.Clone(text))); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}
