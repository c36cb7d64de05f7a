package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldmq/drivers"
)

// located are points whose SunSpec places have become registers, and those that
// the device does not have.
type located struct {
	points  []*drivers.Point // those that can be asked for
	from    []int            // their places among the points asked about
	missing map[int]error    // by that place
}

// locate finds the registers of points in the chain of their device, which it
// reads when it is not known. failure is why that did not work.
func (b *Bus) locate(ctx context.Context, d *Device, points []*drivers.Point) (l *located, failure error, err error) {
	key := keyOf(points)
	if l := b.places[key]; l != nil {
		return l, nil, nil
	}
	known := b.lessons(d)
	if known.chain == nil {
		c, failure, err := b.walk(ctx, d)
		if failure != nil || err != nil {
			return nil, failure, err
		}
		known.chain = c
		b.log.Debug("found the SunSpec blocks", "device", points[0].Device, "blocks", len(c))
	}
	l = known.chain.locate(points)
	if len(b.places) >= maxPlans {
		clear(b.places)
	}
	b.places[key] = l
	return l, nil, nil
}

// locate sorts points by whether the chain has them.
func (c chain) locate(points []*drivers.Point) *located {
	l := &located{missing: map[int]error{}}
	for i, p := range points {
		a := at(p)
		if a.Sunspec == nil {
			l.points, l.from = append(l.points, p), append(l.from, i)
			continue
		}
		b, ok := c.find(a.Sunspec)
		if !ok {
			l.missing[i] = fmt.Errorf("%w: the device has no SunSpec model %v", drivers.ErrRefused, a.Sunspec.Model)
			continue
		}
		if err := b.fits(a); err != nil {
			l.missing[i] = err
			continue
		}
		l.points = append(l.points, &drivers.Point{Device: p.Device, Name: p.Name, At: a.in(b)})
		l.from = append(l.from, i)
	}
	return l
}

// errNoChain: the device answers, and does not follow SunSpec.
var errNoChain = fmt.Errorf("%w: the device shows no SunSpec blocks", drivers.ErrRefused)

// walk reads the headers of a chain from where one begins. A device without one
// is asked again each time, because some take minutes to wake up.
func (b *Bus) walk(ctx context.Context, d *Device) (c chain, failure error, err error) {
	for _, base := range d.SunspecBase {
		words, failure, err := b.words(ctx, d, int(base), 2)
		switch {
		case err != nil:
			return nil, nil, err
		case errors.Is(failure, drivers.ErrOffline):
			return nil, failure, nil
		case failure == nil && words[0] == markerHigh && words[1] == markerLow:
			return b.blocks(ctx, d, int(base)+header)
		}
	}
	return nil, errNoChain, nil
}

// blocks reads headers from first on, up to the end of the chain.
func (b *Bus) blocks(ctx context.Context, d *Device, first int) (c chain, failure error, err error) {
	for len(c) < mostBlocks && first+header <= registers {
		words, failure, err := b.words(ctx, d, first, header)
		switch {
		case err != nil || errors.Is(failure, drivers.ErrOffline):
			return nil, failure, err
		case failure != nil, words[0] == endOfChain: // some have no end
			return c, nil, nil
		}
		c = append(c, block{int(words[0]), first, int(words[1])})
		first += header + int(words[1])
	}
	if len(c) == 0 {
		return nil, errNoChain, nil
	}
	return c, nil, nil
}

// words reads a few holding registers.
func (b *Bus) words(ctx context.Context, d *Device, first, count int) (words []uint16, failure error, err error) {
	answers, err := b.ask(ctx, d, []*pdu{readRequest(Holding, first, count)})
	if err != nil || answers[0].err != nil {
		if err == nil {
			failure = answers[0].err
		}
		return nil, failure, err
	}
	for i := range count {
		words = append(words, binary.BigEndian.Uint16(answers[0].data[2*i:]))
	}
	return words, nil, nil
}

// readLocated is Read for points of which some are found in a chain.
func (b *Bus) readLocated(ctx context.Context, points []*drivers.Point, raw bool) ([]drivers.Sample, [][]byte, error) {
	d := at(points[0]).device
	l, failure, err := b.locate(ctx, d, points)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read unit %d: %w", d.Unit, err)
	case failure != nil && !errors.Is(failure, drivers.ErrOffline):
		l = chain(nil).locate(points) // what is no place of the chain is read all the same
		for i := range l.missing {
			l.missing[i] = failure
		}
	case failure != nil:
		return failing(points, failure), make([][]byte, len(points)), nil
	}
	samples, words := failing(points, nil), make([][]byte, len(points))
	if len(l.points) > 0 {
		found, raws, err := b.readPlain(ctx, l.points, b.plans[keyOf(l.points)], raw)
		if err != nil {
			return nil, nil, err
		}
		for i, s := range found {
			s.Point = points[l.from[i]]
			samples[l.from[i]] = s
			if raw {
				words[l.from[i]] = raws[i]
			}
		}
		if slices.ContainsFunc(found, moved) {
			b.forgetChain(d)
		}
	} else {
		b.forgetChain(d) // the next read asks again, for only an answer proves that the device is there
	}
	for i, err := range l.missing {
		samples[i].Err = err
	}
	return samples, words, nil
}

// moved says whether a sample tells that its block may no longer be where it
// was, as after an update or a restart of the device.
func moved(s drivers.Sample) bool {
	return errors.Is(s.Err, illegalAddress) || errors.Is(s.Err, drivers.ErrOffline)
}

// forgetChain makes the next read look for the chain again.
func (b *Bus) forgetChain(d *Device) {
	b.lessons(d).chain = nil
	clear(b.places)
}

// failing are samples that all have the same error.
func failing(points []*drivers.Point, err error) []drivers.Sample {
	samples := make([]drivers.Sample, len(points))
	for i, p := range points {
		samples[i] = drivers.Sample{Point: p, Time: time.Now(), Err: err}
	}
	return samples
}
