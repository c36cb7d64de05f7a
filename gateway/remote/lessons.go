package remote

import (
	"context"
	"encoding/json"
	"errors"

	"fieldmq/gateway"
)

// Lessons is what a gateway learned of the devices of a bus, or of one of them;
// with forget it is forgotten then.
func (c *Client) Lessons(ctx context.Context, id, bus, device string, forget bool) (map[string]json.RawMessage, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := c.tool(bounded, id, bus+"/lessons", gateway.ToolRequest{Device: device, Forget: forget})
	switch {
	case err != nil:
		return nil, err
	case !a.OK:
		return nil, errors.New(a.Error)
	}
	return a.Lessons, nil
}
