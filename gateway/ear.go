package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/mqtt"
	"fieldmq/drivers"
	"fieldmq/mapping"
)

// ear listens to the commands for one device, and has them carried out one after
// the other.
type ear struct {
	filters []mqtt.Filter
	stop    context.CancelFunc
	tasks   errgroup.Group

	table   func() *mapping.Table
	poll    func(ctx context.Context, device string) error
	write   func(ctx context.Context, commands ...drivers.Command) error
	answer  func(...mqtt.Message)
	ordered func(error) // what became of a command
}

// order is a command that waits for the bus.
type order struct {
	message mqtt.Message
	came    time.Time
}

// mostOrders is how many commands for a device wait for its bus. What would come
// later than that is refused at once: by then something else is wanted.
const mostOrders = 200

var errBusy = errors.New("too many commands wait for the device already; nothing was written")

// hear listens until the commands end.
func (e *ear) hear(ctx context.Context, commands iter.Seq[mqtt.Message]) {
	waiting := make(chan order, mostOrders)
	e.tasks.Go(func() error {
		defer close(waiting)
		for m := range commands {
			select {
			case waiting <- order{m, time.Now()}:
			default:
				e.do(m, func(mapping.Request) error { return errBusy })
			}
		}
		return nil
	})
	e.tasks.Go(func() error {
		for o := range waiting {
			if ctx.Err() == nil { // else the device is gone, or the gateway stops
				e.carryOut(ctx, o)
			}
		}
		return nil
	})
}

// carryOut does what a command asks for, unless it has expired.
func (e *ear) carryOut(ctx context.Context, o order) {
	if o.message.Expiry > 0 {
		bounded, cancel := context.WithDeadline(ctx, o.came.Add(o.message.Expiry))
		defer cancel()
		ctx = bounded
	}
	e.do(o.message, func(r mapping.Request) error {
		if r.Get {
			return e.poll(ctx, r.Device)
		}
		return e.write(ctx, r.Commands...)
	})
}

// do has a command done, and answers.
func (e *ear) do(m mqtt.Message, carry func(mapping.Request) error) {
	table := e.table()
	request, err := table.Request(m)
	if err == nil {
		err = inWords(carry(request))
	}
	e.ordered(err)
	if answer, wanted := table.Reply(m, request, err); wanted {
		e.answer(answer)
	}
}

// inWords says for the sender of a command what the end of a context meant.
func inWords(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the command expired before the bus was free for it; nothing was written")
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("the gateway is stopping: %w", drivers.ErrUnsure)
	}
	return err
}
