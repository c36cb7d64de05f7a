package serial

import (
	"regexp"
	"time"

	"fieldmq/drivers"
)

// reading is what a frame says of a point: a value, or why there is none.
type reading struct {
	value drivers.Value
	err   error
}

// finder finds a point's value in frames; it fails for those that are not
// about the point.
type finder interface {
	find(frame []byte) (reading, bool)
}

var (
	_ finder = (*text)(nil)
	_ finder = binaryValue{}
)

// source is a point that is ready to be read and written.
type source struct {
	*Address
	finder
	point    *drivers.Point
	template *template
	expect   *regexp.Regexp // nil if commands have no answer

	// Of a point without request, guarded by the bus:
	last  drivers.Sample // Point is nil before the first one
	fresh bool           // last was not read yet
}

// newSource compiles a point.
func newSource(p *drivers.Point) (*source, error) {
	a := p.At.(*Address)
	s := &source{Address: a, point: p, finder: binaryValue{a}}
	var err error
	if s.template, err = a.template(); err != nil {
		return nil, err
	}
	if a.Expect != "" {
		if s.expect, err = a.device.expression(a.Expect); err != nil {
			return nil, err
		}
	}
	if a.At == nil {
		if s.finder, err = a.text(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// listens says whether the device tells the value by itself.
func (s *source) listens() bool { return len(s.Request) == 0 }

// sample is what a frame says of the point.
func (s *source) sample(frame []byte, at time.Time) (drivers.Sample, bool) {
	r, ok := s.find(frame)
	return drivers.Sample{Point: s.point, Time: at, Value: r.value, Err: r.err}, ok
}
