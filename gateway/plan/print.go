package plan

import (
	"fmt"
	"io"
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
	return out.Flush()
}

func (b *Bus) print(out io.Writer) {
	fmt.Fprintf(out, "bus %s: %s\n\n", b.Name, strings.TrimSpace(b.Driver+" "+b.Place))
	b.printRequests(out)
	for _, d := range b.Devices {
		d.print(out)
	}
	if !b.Told {
		fmt.Fprintf(out, "the load shows when it runs, on device/<gateway>/bus_%s_load\n\n", b.Name)
		return
	}
	fmt.Fprintln(out, "device\tload")
	for _, d := range b.Devices {
		fmt.Fprintf(out, "%s\t%s\n", d.ID, percent(d.Load))
	}
	fmt.Fprintf(out, "all of %s\t%s%s\n\n", b.Name, percent(b.Load), b.verdict())
	for _, line := range b.Advice {
		fmt.Fprintln(out, "  "+line)
	}
	if len(b.Advice) > 0 {
		fmt.Fprintln(out)
	}
}

func (b *Bus) printRequests(out io.Writer) {
	if !b.Told {
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
