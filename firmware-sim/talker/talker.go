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
	// Before and After are the bytes around the value of a command that is
	// answered by the message; both nil: no command is.
	Before, After []byte
	// Obey carries out the command with its value; may be nil.
	Obey func(value []byte)
}

// ordered says whether what was heard ends with a command that the message
// answers, and its value.
func (m *Message) ordered(heard []byte) (value []byte, ok bool) {
	heard, ends := bytes.CutSuffix(heard, m.After)
	at := bytes.LastIndex(heard, m.Before)
	if len(m.Before)+len(m.After) == 0 || !ends || at < 0 {
		return nil, false
	}
	return heard[at+len(m.Before):], true
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
		if err := send(ctx, line, m.Text(time.Since(start)), t.Faults.Draw()); err != nil {
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
			m, value, ok := t.asked(heard)
			if !ok {
				continue
			}
			heard = nil
			e := t.Faults.Draw()
			if m.Obey != nil && !e.Silent {
				m.Obey(value)
			}
			if err := send(ctx, line, m.Text(time.Since(start)), e); err != nil {
				return err
			}
		}
		heard = heard[max(0, len(heard)-maxRequest):]
	}
}

// asked is what answers to what was heard, and the value if that is a command.
func (t *Talker) asked(heard []byte) (m Message, value []byte, ok bool) {
	for _, m := range t.Messages {
		if len(m.Request) > 0 && bytes.HasSuffix(heard, m.Request) {
			return m, nil, true
		}
		if value, ok := m.ordered(heard); ok {
			return m, value, true
		}
	}
	return Message{}, nil, false
}

// send sends a text, with the fault that strikes it. An empty one is that of a
// command which is obeyed without a word.
func send(ctx context.Context, line io.Writer, text []byte, e faults.Effect) error {
	if len(text) == 0 || e.Silent {
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
