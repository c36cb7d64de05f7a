package remote

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/drivers"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
)

// patience is how long a gateway may take for a request beyond the time-out of
// the device: its own reads come between.
const patience = 30 * time.Second

// Place is a bus of a gateway.
type Place struct {
	Gateway, Bus, Driver, Line string
}

// Find is the bus at a place (a port, an address, a name) of a gateway that
// speaks on the broker.
func (c *Client) Find(ctx context.Context, place string) (Place, error) {
	gateways, err := c.Gateways(ctx)
	if err != nil {
		return Place{}, err
	}
	for _, g := range gateways {
		// Each bus is asked, and only the right one answers.
		asking, stop := context.WithTimeout(ctx, 2*time.Second)
		a, err := c.tool(asking, g, "find", gateway.ToolRequest{Place: place})
		stop()
		if err == nil && a.OK {
			return Place{g, a.Bus, a.Driver, a.Line}, nil
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errNobody) {
			return Place{}, err
		}
	}
	if len(gateways) == 0 {
		return Place{}, fmt.Errorf("no gateway speaks on %s", c.url)
	}
	return Place{}, fmt.Errorf("no gateway on %s has %s, or gateway.tools is none", c.url, place)
}

func (c *Client) tool(ctx context.Context, id, topic string, q gateway.ToolRequest) (gateway.ToolAnswer, error) {
	payload, err := json.Marshal(q)
	if err != nil {
		return gateway.ToolAnswer{}, err
	}
	var a gateway.ToolAnswer
	answer, err := c.Ask(ctx, id, "device/"+id+"/tools/"+topic, payload)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(answer, &a)
}

// Bus is a Modbus bus that a gateway holds. Closing it closes the client.
func (c *Client) Bus(p Place) *modbus.Bus {
	return modbus.Over(func(ctx context.Context, unit, function byte, data []byte, timeout time.Duration) ([]byte, error) {
		bounded, cancel := context.WithTimeout(ctx, timeout+patience)
		defer cancel()
		a, err := c.tool(bounded, p.Gateway, p.Bus+"/exchange", gateway.ToolRequest{
			Unit: int(unit), Function: int(function), Data: hex.EncodeToString(data), Timeout: timeout.String(),
		})
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return nil, fmt.Errorf("%w: the gateway %s does not answer", drivers.ErrBus, p.Gateway)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", drivers.ErrBus, err)
		case a.OK:
			return hex.DecodeString(a.Data)
		case a.Exception != 0:
			return nil, modbus.Exception(a.Exception)
		case a.Silent:
			return nil, drivers.ErrOffline
		}
		return nil, fmt.Errorf("%w: %s", drivers.ErrRefused, a.Error)
	}, c.Close, slog.New(slog.DiscardHandler))
}

// Record hands over the lines of a recording of a bus that a gateway holds until
// ctx ends, which is no error.
func (c *Client) Record(ctx context.Context, p Place, take func(lines string) error) error {
	const span, again = 15 * time.Second, 5 * time.Second
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var failed error
		err := c.Follow(ctx, "device/"+p.Gateway+"/tools/"+p.Bus+"/traffic", func(_ string, payload []byte) bool {
			failed = take(string(payload))
			return failed == nil
		})
		return errors.Join(failed, err)
	})
	group.Go(func() error {
		for {
			a, err := c.tool(ctx, p.Gateway, p.Bus+"/record", gateway.ToolRequest{For: span.String()})
			if err == nil && !a.OK {
				err = fmt.Errorf("the gateway %s: %s", p.Gateway, a.Error)
			}
			if err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(again):
			}
		}
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Set writes points of a device by their names, as any client may: within their
// limits, in their own units and words, all or none.
func (c *Client) Set(ctx context.Context, device string, values map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	payload, err := json.Marshal(values)
	if err != nil {
		return err
	}
	answer, err := c.Ask(ctx, device, "device/"+device+"/set", payload)
	if err != nil {
		return err
	}
	var a gateway.ToolAnswer
	if err := json.Unmarshal(answer, &a); err != nil {
		return err
	}
	if !a.OK {
		return fmt.Errorf("%s: %w: %s", device, drivers.ErrRefused, a.Error)
	}
	return nil
}
