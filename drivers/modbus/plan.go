package modbus

import (
	"cmp"
	"slices"
	"time"

	"fieldmq/drivers"
)

// Request is one read of a plan.
type Request struct {
	Unit   byte
	Table  Table
	First  int           // register or bit
	Count  int           // registers or bits
	Points []int         // the places of the points in the slice that was planned
	Gap    int           // registers or bits between the points, which nobody needs
	Time   time.Duration // that it takes of the bus

	overhead, perByte int  // bytes of a frame: around its PDU, and for each byte of that
	call              *pdu // what is asked if the table is Called
	parts             []part
}

// pdu is the request as it is sent.
func (r Request) pdu() *pdu {
	if r.call != nil {
		return r.call
	}
	return readRequest(r.Table, r.First, r.Count)
}

// cost says how long a read occupies the bus.
type cost struct {
	request time.Duration // whatever is read
	byte    time.Duration // for each byte of data

	overhead, perByte int // bytes of a frame: around its PDU, and for each byte of that
}

func (c cost) of(t Table, count int) time.Duration {
	if t.Bits() {
		return c.request + c.byte*time.Duration((count+7)/8)
	}
	return c.request + c.byte*time.Duration(2*count)
}

// item is a point that is to be planned.
type item struct {
	index      int
	table      Table
	first, end int
}

// planner joins the points of one device into the reads that take the least
// time: a gap is read along where that costs less than another request.
type planner struct {
	device *Device
	cost   cost
	known  *lessons
}

// plan returns the reads by table and register. Points that are known to be
// refused get reads of their own.
func (p planner) plan(points []*drivers.Point) []Request {
	var joined, alone []item
	for i, point := range points {
		a := at(point)
		at := placeOf(a)
		it := item{i, at.table, at.first, at.end}
		if at.table == Called || p.known.refused(at) {
			alone = append(alone, it)
		} else {
			joined = append(joined, it)
		}
	}
	slices.SortStableFunc(joined, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.first, b.first), cmp.Compare(a.end, b.end))
	})
	var requests []Request
	for len(joined) > 0 {
		n := 1
		for n < len(joined) && joined[n].table == joined[0].table {
			n++
		}
		requests = append(requests, p.shortest(joined[:n])...)
		joined = joined[n:]
	}
	for _, it := range alone {
		if it.table == Called {
			requests = append(requests, p.call(at(points[it.index]), it.index))
			continue
		}
		requests = append(requests, p.request([]item{it}))
	}
	for i, r := range requests {
		requests[i] = r.laid(points)
	}
	return requests
}

// shortest cuts the sorted items of one table at the cheapest places: the
// shortest path from the first item to behind the last, where a read of the
// items i to j-1 is a way from i to j.
func (p planner) shortest(items []item) []Request {
	most := p.device.most(items[0].table)
	apart := p.apart(items)
	best := make([]time.Duration, len(items)+1) // time of the first j items
	from := make([]int, len(items)+1)           // where their last read begins
	for j := 1; j <= len(items); j++ {
		end := 0
		for i := j - 1; i >= 0; i-- {
			end = max(end, items[i].end)
			count := end - items[i].first
			if i < j-1 && (count > most || apart[i+1] || !p.device.Join && count > items[i].end-items[i].first) {
				break
			}
			if t := best[i] + p.cost.of(items[i].table, count); i == j-1 || t < best[j] {
				best[j], from[j] = t, i
			}
		}
	}
	var requests []Request
	for j := len(items); j > 0; j = from[j] {
		requests = append(requests, p.request(items[from[j]:j]))
	}
	slices.Reverse(requests)
	return requests
}

// apart says of each item whether the gap before it must not be read.
func (p planner) apart(items []item) []bool {
	apart := make([]bool, len(items))
	end := items[0].end
	for i, it := range items[1:] {
		apart[i+1] = p.known.apart(gap{table: it.table, first: end, end: it.first}) ||
			slices.ContainsFunc(p.device.Holes, func(r Range) bool { return r.meets(end, it.first) })
		end = max(end, it.end)
	}
	return apart
}

func (p planner) request(items []item) Request {
	r := Request{
		Unit:     byte(p.device.Unit),
		Table:    items[0].table,
		First:    items[0].first,
		Points:   make([]int, len(items)),
		overhead: p.cost.overhead,
		perByte:  p.cost.perByte,
	}
	end := items[0].first
	for i, it := range items {
		r.Points[i] = it.index
		r.Gap += max(it.first-end, 0)
		end = max(end, it.end)
	}
	r.Count = end - r.First
	r.Time = p.cost.of(r.Table, r.Count)
	return r
}

// call is the request for a point that only a call gives.
func (p planner) call(a *Address, index int) Request {
	return Request{
		Unit:     byte(p.device.Unit),
		Table:    Called,
		First:    a.First(),
		Count:    a.Count(),
		Points:   []int{index},
		Time:     p.cost.request + p.cost.byte*time.Duration(a.Call.At+2*a.Count()),
		overhead: p.cost.overhead,
		perByte:  p.cost.perByte,
		call:     a.Call.request(nil, 2*a.Count(), false),
	}
}

// firstPlan is the plan for points of one device on a link that knows nothing
// of it so far.
func firstPlan(l link, points []*drivers.Point) []Request {
	if len(points) == 0 {
		return nil
	}
	d := at(points[0]).device
	points = imagined(points)
	return planner{d, l.cost(d.target()), newLessons()}.plan(points)
}
