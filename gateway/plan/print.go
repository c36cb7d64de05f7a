package plan

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the plan for people: the requests and the bill of each bus,
// then the messages.
func (p *Plan) Print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, b := range p.Buses {
		b.print(out)
	}
	fmt.Fprintf(out, "%d retained messages; to a subscriber of everything %s a day when nothing changes, %s when everything does\n",
		p.Retained, bytes(p.Quiet), bytes(p.Busy))
	if slices.ContainsFunc(p.Buses, Bus.talks) {
		fmt.Fprintln(out, "what a device says by itself is counted once an interval, and goes out as often as it changes")
	}
	for _, u := range p.Upstreams {
		fmt.Fprintf(out, "upstream %s: %s\n", u.Name, u.volume())
	}
	return out.Flush()
}

// volume is "2.3 MiB a day when nothing changes, 87.5 MiB when everything does".
func (u *Upstream) volume() string {
	if !u.Told {
		return "messages of a format of its own, whose volume shows when it runs"
	}
	return fmt.Sprintf("%s a day when nothing changes, %s when everything does", bytes(u.Quiet), bytes(u.Busy))
}

func (b *Bus) print(out io.Writer) {
	fmt.Fprintf(out, "bus %s: %s\n\n", b.Name, strings.TrimSpace(b.Driver+" "+b.Place))
	b.printRequests(out)
	b.printMessages(out)
	for _, d := range b.Devices {
		d.print(out)
	}
	if !b.Told {
		fmt.Fprintf(out, "the load shows when it runs, on device/<gateway>/bus_%s_load\n\n", b.Name)
		return
	}
	if b.unasked() {
		fmt.Fprint(out, "nothing is asked: its devices speak by themselves\n\n")
		return
	}
	fmt.Fprintln(out, "device\tload")
	for _, d := range b.Devices {
		fmt.Fprintf(out, "%s\t%s\n", d.ID, d.bill())
	}
	fmt.Fprintf(out, "all of %s\t%s%s\n\n", b.Name, share(b.Load, b.Open), b.verdict())
	for _, line := range b.Advice {
		fmt.Fprintln(out, "  "+line)
	}
	if len(b.Advice) > 0 {
		fmt.Fprintln(out)
	}
}

func (b *Bus) printRequests(out io.Writer) {
	if !slices.ContainsFunc(b.Devices, func(d Device) bool { return len(d.Requests) > 0 }) {
		return
	}
	fmt.Fprintln(out, "every\tunit\tFC\tregisters\tmanual\tcount\tgap\tbytes\tms\tfor")
	for _, d := range b.Devices {
		for _, r := range d.Requests {
			fmt.Fprintf(out, "%v\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%.1f\t%s: %s\n", r.Every, r.Unit, r.Function,
				r.place(), r.Manual, r.Count, r.Gap, r.Bytes, r.Time, d.ID, few(r.Points))
		}
	}
	fmt.Fprintln(out)
}

func (b *Bus) printMessages(out io.Writer) {
	if !slices.ContainsFunc(b.Devices, func(d Device) bool { return len(d.Messages) > 0 }) {
		return
	}
	fmt.Fprintln(out, "every\trequest\tbytes\tms\tfor")
	for _, d := range b.Devices {
		for _, m := range d.Messages {
			fmt.Fprintf(out, "%s\t%s\t%d%s\t%s\t%s: %s\n", m.often(), cmp.Or(m.Request, unasked), m.Bytes, more(m.Open), m.time(), d.ID, few(m.Points))
		}
	}
	fmt.Fprintln(out)
}

// unasked stands where a request would.
const unasked = "speaks by itself"

// unasked says whether all devices of the bus speak by themselves.
func (b *Bus) unasked() bool {
	return !slices.ContainsFunc(b.Devices, func(d Device) bool { return !d.unasked() })
}

func (d *Device) unasked() bool {
	return len(d.Messages) > 0 && !slices.ContainsFunc(d.Messages, func(m Message) bool { return m.Request != "" })
}

// talks says whether a device of the bus says anything by itself.
func (b Bus) talks() bool {
	return slices.ContainsFunc(b.Devices, func(d Device) bool {
		return slices.ContainsFunc(d.Messages, func(m Message) bool { return m.Request == "" })
	})
}

// often is "5s", or of what comes unasked "at most 120/s", which the wire can carry.
func (m *Message) often() string {
	if m.Request == "" {
		return fmt.Sprintf("at most %.0f/s", m.Fastest)
	}
	return m.Every.String()
}

// time is "24.1", with a plus if it may be more.
func (m *Message) time() string {
	if m.Request == "" {
		return ""
	}
	return fmt.Sprintf("%.1f%s", m.Time, more(m.Open))
}

// more stands behind a number that is the least.
func more(open bool) string {
	if open {
		return "+"
	}
	return ""
}

// bill is the load of the device.
func (d *Device) bill() string {
	if d.unasked() {
		return unasked
	}
	return share(d.Load, d.Open)
}

// share is "8.7 %", or "at least 8.7 %".
func share(load float64, open bool) string {
	if open {
		return "at least " + percent(load)
	}
	return percent(load)
}

// place is "input 0..79".
func (r *Request) place() string {
	if r.Count == 1 {
		return fmt.Sprintf("%s %d", r.Table, r.First)
	}
	return fmt.Sprintf("%s %d..%d", r.Table, r.First, r.First+r.Count-1)
}

func (d *Device) print(out io.Writer) {
	fmt.Fprintln(out, "point\tplace\tmanual\ttype\tunit\tevery\ttopic")
	for _, p := range d.Points {
		topic := p.Topic
		if p.Write {
			topic += " and /set"
		}
		fmt.Fprintf(out, "%s/%s\t%s\t%s\t%s\t%s\t%v\t%s\n", d.ID, p.Name, p.Place, p.Manual, p.Type, p.Unit, p.Every, topic)
	}
	fmt.Fprintln(out)
}

// few are the first of some names.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func percent(load float64) string {
	if load < 0.0995 {
		return fmt.Sprintf("%.1f %%", 100*load)
	}
	return fmt.Sprintf("%.0f %%", 100*load)
}

// Overloaded says whether the bus cannot carry all of its requests.
func (b *Bus) Overloaded() bool { return b.Load > 1 }

// verdict says what a load means, where it is not well.
func (b *Bus) verdict() string {
	switch {
	case b.Overloaded():
		return ": more than the bus can carry, reads will be missed"
	case b.Load > fair:
		return ": nearly full, no time for writes and repeats"
	}
	return ""
}

// bytes is a size that people read.
func bytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
