package modbus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fieldmq/drivers"
)

// errWriteOnly: reading the point would do what writing it does, or nobody
// answers.
var errWriteOnly = fmt.Errorf("%w: the point is only written, never read", drivers.ErrRefused)

func isWriteOnly(p *drivers.Point) bool { return at(p).WriteOnly() }

// readOthers is Read for points of which some are never read, whoever asks.
func (b *Bus) readOthers(ctx context.Context, points []*drivers.Point, raw bool) ([]drivers.Sample, [][]byte, error) {
	others := slices.DeleteFunc(slices.Clone(points), isWriteOnly)
	var found []drivers.Sample
	var words [][]byte
	if len(others) > 0 {
		var err error
		if found, words, err = b.read(ctx, others, raw); err != nil {
			return nil, nil, err
		}
	}
	samples, all, n := make([]drivers.Sample, len(points)), make([][]byte, len(points)), 0
	for i, p := range points {
		if isWriteOnly(p) {
			samples[i] = drivers.Sample{Point: p, Time: time.Now(), Err: errWriteOnly}
			continue
		}
		samples[i] = found[n]
		if raw {
			all[i] = words[n]
		}
		n++
	}
	return samples, all, nil
}
