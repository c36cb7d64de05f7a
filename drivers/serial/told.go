package serial

import (
	"regexp/syntax"
	"slices"
	"time"
	"unicode/utf8"

	"fieldmq/drivers"
)

// Exchange is a request and its answer, or what a device says by itself, as far as
// the configuration tells.
type Exchange struct {
	Request []byte // empty: the device speaks by itself
	Points  []int  // whose values the answer holds: places among those that were given
	// Least and Most are the bytes of the answer, delimiters and all. Most is zero
	// where nobody knows: an expression finds a value in more than it describes.
	Least, Most int
	// Time is that of the bus for a request: with its longest answer, where that is
	// known, with a device that takes a moment to answer, and with the pause behind
	// it. What comes unasked takes none.
	Time time.Duration
}

// Exchanges are what the points of one device take, in the order of their reads:
// points that ask the same do so once.
func (s *Settings) Exchanges(points []*drivers.Point) []Exchange {
	var all []Exchange
	for i, p := range points {
		a := p.At.(*Address)
		n := slices.IndexFunc(all, func(x Exchange) bool { return points[x.Points[0]].At.(*Address).asks(a) })
		if n < 0 {
			n = len(all)
			all = append(all, Exchange{Request: a.request()})
		}
		all[n].Points = append(all[n].Points, i)
	}
	for i := range all {
		s.measure(&all[i], points)
	}
	return all
}

// answering is how long a device is thought to take before it answers.
const answering = 5 * time.Millisecond

// measure works out the bytes of an exchange, and its time.
func (s *Settings) measure(x *Exchange, points []*drivers.Point) {
	known, distinct := true, map[string]bool{}
	for _, i := range x.Points {
		a := points[i].At.(*Address)
		frame := s.Frame.extent(a)
		x.Least = max(x.Least, frame.least)
		// Values that are found alike stand in one frame; others may have their own.
		if key := a.Expression() + "\x00" + string(a.Starts); !distinct[key] {
			distinct[key] = true
			x.Most += frame.most
		}
		known = known && !frame.open
	}
	if !known {
		x.Most = 0
	}
	if a := points[x.Points[0]].At.(*Address); len(x.Request) > 0 {
		bytes := len(x.Request) + max(x.Least, x.Most)
		x.Time = time.Duration(bytes)*s.Char() + answering + s.Frame.Gap.D() + a.pause()
	}
}

// Fastest is how often in a second the line can carry an answer, at most.
func (s *Settings) Fastest(x Exchange) float64 {
	one := time.Duration(x.Least)*s.Char() + s.Frame.Gap.D()
	return 1 / max(one, s.Char()).Seconds()
}

// extent is a length that lies between two bounds.
type extent struct {
	least, most int
	open        bool // there is no most
}

// extent is the length of a frame that holds the value of a point, with what
// separates it from the next.
func (f *Frame) extent(a *Address) extent {
	if f.Length > 0 {
		return extent{f.Length, f.Length, false}
	}
	e := extent{open: true}
	switch {
	case a.At == nil:
		e = described(a.Expression())
	case *a.At < 0:
		e.least = -*a.At
	default:
		e.least = *a.At + a.width()
	}
	switch {
	case len(f.End) > 0:
		e.least = max(e.least, len(f.Start)+len(f.End)+f.Tail)
	case f.Gap == 0:
		e.least += len(f.delimiter())
		e.most += len(f.delimiter())
		if len(f.Line) == 0 {
			e.most++ // the CR that may stand before the LF
		}
	}
	return e
}

// described is the length of a frame that an expression matches. Only one that
// describes the frame from end to end says what is the most.
func described(expression string) extent {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return extent{open: true}
	}
	e := lengthOf(re)
	e.open = e.open || !(begins(re) && ends(re))
	return e
}

// begins says whether a match must begin where the frame does.
func begins(re *syntax.Regexp) bool {
	return re.Op == syntax.OpBeginText ||
		(re.Op == syntax.OpCapture || re.Op == syntax.OpConcat) && begins(re.Sub[0])
}

// ends says whether a match must end where the frame does.
func ends(re *syntax.Regexp) bool {
	return re.Op == syntax.OpEndText ||
		(re.Op == syntax.OpCapture || re.Op == syntax.OpConcat) && ends(re.Sub[len(re.Sub)-1])
}

// lengthOf is the length of what an expression matches, in bytes.
func lengthOf(re *syntax.Regexp) extent {
	switch re.Op {
	case syntax.OpLiteral:
		e := extent{}
		for _, r := range re.Rune {
			e.least++ // other cases of a letter may be shorter
			e.most += utf8.RuneLen(r)
		}
		return e
	case syntax.OpCharClass:
		return extent{least: 1, most: utf8.RuneLen(slices.Max(append([]rune{0}, re.Rune...)))}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return extent{least: 1, most: utf8.UTFMax}
	case syntax.OpStar:
		return lengthOf(re.Sub[0]).times(0, -1)
	case syntax.OpPlus:
		return lengthOf(re.Sub[0]).times(1, -1)
	case syntax.OpQuest:
		return lengthOf(re.Sub[0]).times(0, 1)
	case syntax.OpRepeat:
		return lengthOf(re.Sub[0]).times(re.Min, re.Max)
	case syntax.OpAlternate:
		e := lengthOf(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			other := lengthOf(sub)
			e = extent{min(e.least, other.least), max(e.most, other.most), e.open || other.open}
		}
		return e
	}
	e := extent{} // of an assertion, or what its parts are together
	for _, sub := range re.Sub {
		part := lengthOf(sub)
		e = extent{e.least + part.least, e.most + part.most, e.open || part.open}
	}
	return e
}

// times is the length of so many in a row; below zero most is any number.
func (e extent) times(least, most int) extent {
	return extent{e.least * least, e.most * max(most, 0), most < 0 || e.open && most > 0}
}
