package modbus

import (
	"context"
	"fmt"
	"time"
)

// Exchange is a request to a unit and what came of it, both without their
// function code, the answer without its byte count too. Whoever is told of it
// keeps nothing of it.
type Exchange struct {
	Unit, Function  byte
	Request, Answer []byte
	Err             error // why there is no answer
	At              time.Time
}

// Observe has a function told of each exchange on the bus from now on, by the
// goroutine that owns the bus.
func (b *Bus) Observe(watcher func(Exchange)) { b.watcher = watcher }

func (b *Bus) tell(unit byte, request *pdu, a answer) {
	if b.watcher != nil {
		b.watcher(Exchange{unit, request.FunctionCode, request.Data, a.data, a.err, a.at})
	}
}

// Request puts one request to a unit and returns the data of its answer, both
// without their function code, the answer without its byte count too. A unit
// that declines gives an Exception. It knows function codes 1 to 6, 15, 16, 17,
// 22, 23, and of 43 the device identification.
func (b *Bus) Request(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error) {
	request := newPDU(function, data)
	if !wellFormed(request) {
		return nil, fmt.Errorf("function code %d with %d bytes is no request that we know", function, len(data))
	}
	answers, err := b.link.ask(ctx, []question{{to: target{unit: unit, timeout: timeout}, request: request}})
	if err != nil {
		return nil, err
	}
	b.tell(unit, request, answers[0])
	return answers[0].data, answers[0].err
}

// Timeout is how long the point's device may take to begin its answer.
func (a *Address) Timeout() time.Duration { return a.device.Timeout.D() }
