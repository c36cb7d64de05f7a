package modbus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"fieldmq/drivers"
)

// Carrier carries one request to a unit, as Bus.Request does, by way of someone
// who has the bus. An error wraps drivers.ErrBus if that someone is gone.
type Carrier func(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error)

// Over is a bus that someone else has open and lends request by request: a tool
// sees it as if it had opened it. end is called by Close.
func Over(carry Carrier, end func() error, log *slog.Logger) *Bus {
	return newBus(&carried{carry, end}, log)
}

// carried is a link by way of a Carrier.
type carried struct {
	carry Carrier
	end   func() error
}

func (c *carried) ask(ctx context.Context, questions []question) ([]answer, error) {
	answers := make([]answer, len(questions))
	silence := map[byte]error{}
	for i, q := range questions {
		if why := silence[q.to.unit]; why != nil {
			answers[i] = answer{at: time.Now(), err: why}
			continue
		}
		r := q.request
		data, err := c.carry(ctx, q.to.unit, r.FunctionCode, r.Data, q.to.timeout)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, drivers.ErrBus) {
			return nil, err
		}
		if err == nil && counted(r) && len(data) != answerLen(r)-2 && r.FunctionCode != reportServerID {
			err = damaged
		}
		answers[i] = answer{data: data, at: time.Now(), err: err}
		if silent(err) {
			silence[q.to.unit] = err
		}
	}
	return answers, nil
}

// cost is that of a box on the network that asks for us.
func (*carried) cost(target) cost {
	return cost{request: 10 * time.Millisecond, byte: 100 * time.Microsecond, overhead: tcpHeader, perByte: 1}
}

func (*carried) width() int { return 1 }

// counts are those of whoever has the bus.
func (*carried) counts(byte) drivers.Counts { return drivers.Counts{} }

func (c *carried) Close() error { return c.end() }
